//! A TOML tree in which every key and value knows its place, in the order of the text.

use std::sync::Arc;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Place, Problem};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub place: Place,
    pub value: NodeValue,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeValue {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Datetime(String),
    Array(Vec<Node>),
    Table(Vec<Field>),
}

/// A key of a table with its place and value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub name: String,
    pub place: Place,
    pub node: Node,
}

/// Reads a TOML text.
pub(crate) fn read(text: &str, file: &str) -> Result<Node, Problem> {
    let lines = Lines::new(text, file);
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problem::new(
            "syntax",
            &lines.place(at),
            error.message().trim().replace('\n', ", "),
            "",
        )
    })?;
    Ok(Node {
        place: lines.place(0),
        value: table_value(table.get_ref(), &lines)?,
    })
}

/// Reads `dotted.key=VALUE`; every place in it is the override itself.
pub(crate) fn read_override(set: &str) -> Result<(Vec<String>, Node), Problem> {
    let file = format!("--set {set}");
    let place = Place {
        file: file.as_str().into(),
        line: 1,
        column: 1,
    };
    let malformed =
        |message: &str| Problem::new("override", &place, message, "write --set dotted.key=VALUE");
    let (key, value) = set
        .split_once('=')
        .ok_or_else(|| malformed("an override without `=`"))?;
    let path = key_path(key).ok_or_else(|| malformed("an override with a malformed key"))?;
    // A bare word is meant as a string: `--set profile=paper`.
    let quoted = serde_json::to_string(value.trim()).unwrap_or_default();
    let node = read(&format!("v = {value}"), &file).or_else(|problem| {
        match is_bare_word(value.trim()) {
            true => read(&format!("v = {quoted}"), &file),
            false => Err(problem),
        }
    })?;
    let NodeValue::Table(mut fields) = node.value else {
        return Err(malformed("an override without a value"));
    };
    let field = fields
        .pop()
        .ok_or_else(|| malformed("an override without a value"))?;
    Ok((path, field.node))
}

/// The parts of a dotted key as TOML reads them, quotes and all.
fn key_path(key: &str) -> Option<Vec<String>> {
    let mut node = &read(&format!("{key} = 0"), "").ok()?;
    let mut path = Vec::new();
    while let Some(fields) = node.as_table() {
        let [field] = fields else { return None };
        path.push(field.name.clone());
        node = &field.node;
    }
    Some(path)
}

fn is_bare_word(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(char::is_alphabetic)
        && letters.all(|c| c.is_alphanumeric() || "-_.".contains(c))
}

impl Node {
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_table(&self) -> Option<&[Field]> {
        match &self.value {
            NodeValue::Table(fields) => Some(fields),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self.value {
            NodeValue::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub fn field(&self, name: &str) -> Option<&Node> {
        self.as_table()?
            .iter()
            .find(|f| f.name == name)
            .map(|f| &f.node)
    }

    pub fn field_mut(&mut self, name: &str) -> Option<&mut Node> {
        let field = self.fields_mut().iter_mut().find(|f| f.name == name);
        field.map(|f| &mut f.node)
    }

    /// The fields of a table; none of what is no table.
    pub fn fields_mut(&mut self) -> &mut [Field] {
        match &mut self.value {
            NodeValue::Table(fields) => fields,
            _ => &mut [],
        }
    }

    /// Puts a value at a path, making tables on the way.
    pub fn set(&mut self, path: &[String], node: Node) {
        let Some((name, rest)) = path.split_first() else {
            *self = node;
            return;
        };
        let fields = self.table_mut();
        let at = fields
            .iter()
            .position(|f| f.name == *name)
            .unwrap_or_else(|| {
                let empty = Node {
                    place: node.place.clone(),
                    value: NodeValue::Table(Vec::new()),
                };
                fields.push(Field {
                    name: name.clone(),
                    place: node.place.clone(),
                    node: empty,
                });
                fields.len() - 1
            });
        if rest.is_empty() {
            fields[at].place = node.place.clone();
        }
        fields[at].node.set(rest, node);
    }

    /// Lays a table over this one: tables are merged, everything else is replaced, and a quoted key with dots replaces
    /// what it names as a whole.
    pub fn merge(&mut self, over: &Node) {
        let Some(fields) = over.as_table() else {
            *self = over.clone();
            return;
        };
        for field in fields {
            if field.name.contains('.') {
                let path: Vec<String> = field.name.split('.').map(str::to_string).collect();
                self.set(&path, field.node.clone());
                continue;
            }
            let mine = self.table_mut();
            match mine.iter_mut().find(|f| f.name == field.name) {
                Some(old) => old.node.merge(&field.node),
                None => mine.push(field.clone()),
            }
        }
    }

    /// The fields of a table; what is none becomes an empty one.
    fn table_mut(&mut self) -> &mut Vec<Field> {
        if !matches!(self.value, NodeValue::Table(_)) {
            self.value = NodeValue::Table(Vec::new());
        }
        match &mut self.value {
            NodeValue::Table(fields) => fields,
            _ => unreachable!("made a table above"),
        }
    }

    /// The same value as JSON; the order of keys is lost.
    pub fn to_json(&self) -> Result<Value, Problem> {
        Ok(match &self.value {
            NodeValue::String(text) | NodeValue::Datetime(text) => Value::from(text.as_str()),
            NodeValue::Integer(number) => Value::from(*number),
            NodeValue::Float(number) => {
                Value::Number(Number::from_f64(*number).ok_or_else(|| {
                    Problem::new(
                        "number",
                        &self.place,
                        format!("{number} is not a number that can be kept"),
                        "write a finite number",
                    )
                })?)
            }
            NodeValue::Boolean(yes) => Value::from(*yes),
            NodeValue::Array(items) => items.iter().map(Node::to_json).collect::<Result<_, _>>()?,
            NodeValue::Table(fields) => {
                let fields = fields
                    .iter()
                    .map(|f| Ok((f.name.clone(), f.node.to_json()?)));
                Value::Object(fields.collect::<Result<Map<_, _>, Problem>>()?)
            }
        })
    }
}

fn table_value(table: &DeTable<'_>, lines: &Lines) -> Result<NodeValue, Problem> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let fields = entries.into_iter().map(|(key, value)| {
        Ok(Field {
            name: key.get_ref().to_string(),
            place: lines.place(key.span().start),
            node: node(value, lines)?,
        })
    });
    Ok(NodeValue::Table(fields.collect::<Result<_, Problem>>()?))
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines) -> Result<Node, Problem> {
    let place = lines.place(value.span().start);
    let number = |text: &str| {
        Problem::new(
            "number",
            &place,
            format!("number {text} is out of range"),
            "write one of at most 18 digits",
        )
    };
    let value = match value.get_ref() {
        DeValue::String(text) => NodeValue::String(text.to_string()),
        DeValue::Integer(digits) => {
            let parsed = i64::from_str_radix(digits.as_str(), digits.radix());
            NodeValue::Integer(parsed.map_err(|_| number(digits.as_str()))?)
        }
        DeValue::Float(digits) => NodeValue::Float(
            digits
                .as_str()
                .parse()
                .map_err(|_| number(digits.as_str()))?,
        ),
        DeValue::Boolean(yes) => NodeValue::Boolean(*yes),
        DeValue::Datetime(moment) => NodeValue::Datetime(moment.to_string()),
        DeValue::Array(items) => NodeValue::Array(
            items
                .iter()
                .map(|item| node(item, lines))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => table_value(table, lines)?,
    };
    Ok(Node { place, value })
}

/// Byte offsets → places.
struct Lines<'a> {
    text: &'a str,
    file: Arc<str>,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, file: &str) -> Lines<'a> {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Lines {
            text,
            file: file.into(),
            starts,
        }
    }

    fn place(&self, at: usize) -> Place {
        let at = at.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= at);
        let start = self.starts[line - 1];
        let column = self
            .text
            .get(start..at)
            .map_or(0, |before| before.chars().count())
            + 1;
        Place {
            file: self.file.clone(),
            line: line as u32,
            column: column as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_keep_the_order_and_the_place_of_the_text() {
        let node = read("b = 1\n[t]\n  z = \"é\"\n  a = [1, 2]\n", "s.toml").unwrap();
        let table = node.field("t").unwrap().as_table().unwrap();
        let names: Vec<&str> = table.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["z", "a"]);
        assert_eq!(table[1].place.to_string(), "s.toml:4:3");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let problem = read("a = 1\nb = = 2\n", "s.toml").unwrap_err();
        assert_eq!((problem.place.line, problem.code), (2, "syntax"));
    }

    #[test]
    fn an_override_may_be_a_bare_word_and_says_where_it_stands() {
        let (path, node) = read_override("profile=paper").unwrap();
        assert_eq!(
            (path, node.as_str()),
            (vec!["profile".to_string()], Some("paper"))
        );
        let (path, _) = read_override("publish.\"a.csv\"=\"x.y\"").unwrap();
        assert_eq!(path, ["publish", "a.csv"]);
        let (_, node) = read_override("axes.split.kfold = 3").unwrap();
        assert_eq!(node.as_integer(), Some(3));
        assert_eq!(&*node.place.file, "--set axes.split.kfold = 3");
    }

    #[test]
    fn a_profile_merges_tables_and_replaces_quoted_paths() {
        let mut base = read("[s.a]\nx = 1\ny = 2\n[s.b]\nx = 1\ny = 2\n", "f").unwrap();
        base.merge(&read("s.a.x = 5\n\"s.b\" = { x = 5 }\n", "f").unwrap());
        assert_eq!(
            base.to_json().unwrap().to_string(),
            r#"{"s":{"a":{"x":5,"y":2},"b":{"x":5}}}"#
        );
    }
}
