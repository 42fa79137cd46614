//! A small well-formedness checker for what this crate writes; for tests.

/// Elements that HTML leaves open.
const VOID: [&str; 5] = ["meta", "br", "input", "hr", "link"];

/// Checks that tags nest, attributes are quoted and unique, references are known and no raw `<` or `&` is left in text.
///
/// The content of `script` and `style` is skipped, as HTML does.
pub fn well_formed(text: &str) -> Result<(), String> {
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        references(&rest[..at])?;
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").ok_or("a comment that does not end")?;
            rest = &comment[end + 3..];
            continue;
        }
        let end = tag_end(rest)?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(top) if top == name.trim() => continue,
                top => return Err(format!("</{name}> closes {top:?}")),
            }
        }
        let (name, own_end) = (element(tag)?, tag.ends_with('/'));
        if name == "script" || name == "style" {
            let close = format!("</{name}>");
            let end = rest.find(&close).ok_or(format!("{name} does not end"))?;
            rest = &rest[end + close.len()..];
        } else if !own_end && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    references(rest)?;
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("left open: {open:?}"))
    }
}

fn tag_end(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return Ok(i),
            '<' if i > 0 => {
                return Err(format!(
                    "a raw < in {:?}",
                    &text.chars().take(60).collect::<String>()
                ));
            }
            _ => {}
        }
    }
    Err("a tag that does not end".into())
}

fn element(tag: &str) -> Result<String, String> {
    let tag = tag.trim_end_matches('/');
    let name: String = tag
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric())
        .collect();
    if name.is_empty() {
        return Err(format!("no name in <{tag}>"));
    }
    let mut rest = tag[name.len()..].trim_start();
    let mut seen: Vec<&str> = Vec::new();
    while !rest.is_empty() {
        let stop = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let key = &rest[..stop];
        if key.is_empty() || key.contains(['"', '\'', '<']) || seen.contains(&key) {
            return Err(format!("attribute {key:?} in <{tag}>"));
        }
        seen.push(key);
        rest = &rest[stop..];
        if let Some(value) = rest.strip_prefix("=\"") {
            let end = value.find('"').ok_or(format!("open quote in <{tag}>"))?;
            references(&value[..end])?;
            rest = &value[end + 1..];
        } else if rest.starts_with('=') {
            return Err(format!("unquoted attribute {key} in <{tag}>"));
        }
        rest = rest.trim_start();
    }
    Ok(name)
}

fn references(text: &str) -> Result<(), String> {
    for (i, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        if !known.iter().any(|k| text[i..].starts_with(k)) {
            return Err(format!(
                "a raw & in {:?}",
                text[i..].chars().take(20).collect::<String>()
            ));
        }
    }
    Ok(())
}

#[test]
fn the_checker_finds_what_is_wrong() {
    assert_eq!(well_formed("<p a=\"1\">x &amp; y<br></p>"), Ok(()));
    for bad in [
        "<p>",
        "</p>",
        "<p a=1></p>",
        "<p a=\"1\" a=\"2\"></p>",
        "a & b",
        "<p><b></p></b>",
        "<p a=\"&x\"></p>",
    ] {
        assert!(well_formed(bad).is_err(), "{bad}");
    }
}
