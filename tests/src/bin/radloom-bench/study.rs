//! Studies of no-op tasks, none of which has the recipe of another.

use std::fmt::Write;

/// A study of `100 × 10 × n` × 2 no-op tasks that all run, below `20 × n` small ones that they read.
///
/// What a no-op gives is the value of one axis. Its recipe also holds the labels of gathered inputs: by gathering over
/// groups of one member each, every task of a layer gets a recipe of its own.
pub fn no_ops(n: usize) -> String {
    let mut text = String::from("name = \"no-ops\"\nseed = 1\n[axes]\n");
    axis(&mut text, "a", 100);
    axis(&mut text, "b", 10);
    axis(&mut text, "c", n);
    group(&mut text, "b", 10);
    group(&mut text, "c", n);
    for (layer, value) in [("left", "b"), ("right", "c")] {
        let _ = write!(
            text,
            "[steps.{layer}_root]\nkind = \"no-op\"\nper = [\"b\", \"c\"]\nwith = {{ value = {{ axis = \"{value}\" }} }}\n\
             [steps.{layer}]\nkind = \"no-op\"\nper = [\"a\", \"of_b\", \"of_c\"]\nin = {{ input = \"{layer}_root.output\" }}\nwith = {{ value = {{ axis = \"a\" }} }}\n"
        );
    }
    text
}

/// Tasks of [`no_ops`]: in all, and those whose recipe no other task has.
pub fn counts(n: usize) -> (u64, u64) {
    let n = n as u64;
    (2 * 10 * n + 2 * 1000 * n, 2 * 1000 * n + 10 + n)
}

fn axis(text: &mut String, name: &str, n: usize) {
    let values: Vec<String> = (0..n).map(|i| format!("\"{name}{i}\"")).collect();
    let _ = writeln!(text, "{name} = [{}]", values.join(", "));
}

/// An axis of groups over another one, one member each.
fn group(text: &mut String, of: &str, n: usize) {
    let groups: Vec<String> = (0..n)
        .map(|i| format!("g{of}{i} = [\"{of}{i}\"]"))
        .collect();
    let _ = writeln!(text, "of_{of} = {{ {} }}", groups.join(", "));
}
