// Nomograms that answer: each form holds its own formula as JSON and needs nothing else.
for (const form of document.querySelectorAll("section.calculator")) {
  const model = JSON.parse(form.querySelector('script[type="application/json"]').textContent);
  const pick = (selector) => [...form.querySelectorAll(selector)];
  const ranges = pick("input[data-factor]"), choices = pick("select[data-levels]");
  const decimals = (v) => (Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : v.toFixed(2));
  // Points are linear in the value: the line through the first and the last mark of the ruler.
  const points = (factor, x) => {
    const v = factor.values, p = factor.points, n = v.length - 1;
    if (n < 1 || v[n] === v[0]) return p[0] || 0;
    return p[0] + (x - v[0]) * (p[n] - p[0]) / (v[n] - v[0]);
  };
  const update = () => {
    const x = model.factors.map(() => 0);
    for (const range of ranges) x[Number(range.dataset.factor)] = Number(range.value);
    for (const choice of choices) if (choice.value !== "") x[Number(choice.value)] = 1;
    let total = 0, predictor = -model.centre;
    model.factors.forEach((factor, i) => {
      total += points(factor, x[i]);
      predictor += factor.coefficient * x[i];
    });
    for (const range of ranges) {
      const i = Number(range.dataset.factor);
      form.querySelector('output[data-of="' + i + '"]').textContent =
        decimals(x[i]) + " → " + points(model.factors[i], x[i]).toFixed(1);
    }
    for (const choice of choices) {
      const levels = [...choice.options].filter(o => o.value !== "").map(o => Number(o.value));
      const sum = levels.reduce((s, i) => s + points(model.factors[i], x[i]), 0);
      choice.parentElement.querySelector("output").textContent = "→ " + sum.toFixed(1);
    }
    form.querySelector("output[data-total]").textContent = total.toFixed(1);
    model.horizons.forEach((horizon, i) => {
      const out = form.querySelector('output[data-survival="' + i + '"]');
      if (!out || horizon.baseline === null) return;
      const s = Math.pow(horizon.baseline, Math.exp(predictor));
      out.textContent = (100 * s).toFixed(1) + " %";
      form.querySelector('i[data-bar="' + i + '"]').style.width = (100 * s).toFixed(1) + "%";
    });
  };
  form.addEventListener("input", update);
  form.addEventListener("change", update);
  update();
}
