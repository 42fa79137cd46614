//! Notes beside tables and figures that say how their numbers are to be read.

/// English and Chinese.
pub(super) const NOTES: &[(&str, &str)] = &[
    ("NE, not estimable: {0}.", "NE（不可估计）：{0}。"),
    ("values of", "所属数值"),
    ("evaluations", "评估"),
    (
        "Evaluations behind the values of each model and set",
        "各模型与各数据集数值所依据的评估",
    ),
    ("Refused were: {0}.", "被拒绝的任务：{0}。"),
    ("all metrics", "全部指标"),
    ("all that were left", "即全部剩余特征"),
    (
        "Each split's own selection is counted. Where a profile lets all folds share one selection, as the banner then says, that of the split `external` is the one its models received.",
        "统计的是每个划分各自的特征选择。若某一方案让所有折共用一次选择（见页首警示），其模型所用的是 `external` 划分的选择。",
    ),
    ("no intervals were computed", "未计算区间"),
    (
        "bands: 95 % of {0} resamples of the patients",
        "色带：患者 {0} 次重抽样的 95%",
    ),
    (
        "whichever of {0} models comes first",
        "{0} 个模型中的第一名（不限何者）",
    ),
    (
        "{0} was chosen: its mean over the folds is highest. Here every pair of patients of one fold counts alike, whatever the fold, and values so near each other change places.",
        "最终选择的是 {0}：其各折均值最高。此处同一折内的每对患者权重相同（不论属于哪一折），数值如此接近时名次可能互换。",
    ),
    (
        "P unadjusted is of the standardised log-rank score of the search; it is near the log-rank P of the univariable table, and the nearer the more events there are. The interval of a cut is of cuts searched anew in resamples.",
        "未校正 P 来自切点搜索的标准化 log-rank 得分；它与单因素表中的 log-rank P 相近，事件越多越接近。切点区间来自重抽样中重新搜索的切点。",
    ),
    (
        "P log-rank takes the groups as if they had been fixed beforehand; P adjusted pays for the search of the cut (Lausen and Schumacher 1994), and is the one to read where it stands. It stands for variables that were cut alone.",
        "log-rank P 视分组为事先确定；校正 P 已计入切点搜索（Lausen 与 Schumacher 1994），有校正 P 时应以其为准。只有按切点分组的变量才有校正 P。",
    ),
    (
        "No variable was cut by a search, so that no P is adjusted for one; P log-rank is of the levels of a variable, in the row of its reference.",
        "没有变量经搜索切点分组，故无需校正 P；log-rank P 为变量各水平之间的检验，列于参照水平所在行。",
    ),
    (
        "{0}: {1} of {2} calibrations in test patients have observed over expected events outside 0.8 to 1.25 (from {3} to {4}): such probabilities are not to be read as they stand.",
        "{0}：测试集患者的 {2} 项校准中有 {1} 项的观察/预期事件比超出 0.8 至 1.25（{3} 至 {4}）：此类概率不可直接使用。",
    ),
    ("no gene is called", "没有基因被判定为差异表达"),
    (
        "All models of a list are judged on the same resamples of the same patients, so that they compare; the intervals are of these resamples, and differ in the last decimals from those of the tables.",
        "同一列表中的模型在相同患者的相同重抽样上评估，以便相互比较；其区间来自这些重抽样，与各表中的区间在末位小数上不同。",
    ),
    ("Follow-up, months", "随访（月）"),
    (
        "Reverse Kaplan–Meier asks how long patients would have been followed without the event; the times as they are end at it, and are shorter.",
        "反向 Kaplan–Meier 估计的是若无事件患者会被随访多久；原始时间在事件处终止，因而较短。",
    ),
    (
        "What a visit finds has happened since the visit before: such times are late by up to that interval, in this analysis as in any that counts from visits.",
        "随访时发现的事件发生于上次与本次随访之间，其时间最多迟记一个随访间隔；凡以随访日计时的分析均如此。",
    ),
    (
        "What each of them receives is told in leakage.json.",
        "各步骤所接收的内容见 leakage.json。",
    ),
];
