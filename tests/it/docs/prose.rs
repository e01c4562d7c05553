//! Comments name their subject: few of them open with a clause that has none.

use super::imports::House;

/// First words of a clause whose subject the reader would have to guess.
const HEADLESS: &[&str] =
    &["What", "Who", "Whoever", "Whatever", "Whether", "Where", "Which", "That", "How", "When", "Whose"];
/// Most of all comments that may open so, percent.
const MOST: usize = 5;

/// The first lines of the comments of a file, without those of its unit tests.
fn openings(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let comment = line.trim_start().strip_prefix("//");
        let was_inside = std::mem::replace(&mut inside, comment.is_some());
        comment
            .filter(|_| !was_inside)
            .map(|comment| (number + 1, comment.trim_start_matches(['/', '!']).trim_start()))
    })
}

#[test]
fn comments_name_their_subject() {
    let (mut all, mut headless) = (0, Vec::new());
    for source in House::read().sources {
        let is_test = source.module.iter().any(|part| part == "tests");
        for (number, comment) in openings(&source.text).filter(|_| !is_test) {
            all += 1;
            if comment.split(' ').next().is_some_and(|word| HEADLESS.contains(&word)) {
                headless.push(format!("{}:{number}: {comment}", source.path.display()));
            }
        }
    }
    assert!(
        headless.len() * 100 <= all * MOST,
        "{} of {all} comments open without a subject:\n{}",
        headless.len(),
        headless.join("\n")
    );
}

#[test]
fn the_reader_of_comments_sees_blocks() {
    let text = "//! A file.\n//! What else.\n\n/// Where it is.\nfn f() {\n    // One.\n}\n";
    let opened: Vec<_> = openings(text).collect();
    assert_eq!(opened, [(1, "A file."), (4, "Where it is."), (6, "One.")]);
}
