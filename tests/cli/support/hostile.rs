//! Twelve pages of a mebibyte, each in a shape that has cost some parser its time or its stack.

/// Bytes of each page.
const SIZE: usize = 1 << 20;

/// Name and content of each.
pub(crate) fn pages() -> [(&'static str, String); 12] {
    let filled = |piece: &str| piece.repeat(SIZE / piece.len());
    let attributes: String = (0..SIZE / 8).map(|n| format!(" a{n:05x}=")).collect();
    [
        ("nested", filled("<div>")),
        ("lists", filled("<ul><li>")),
        ("formatting", filled("<b>")),
        ("misnested", filled("<a><i></a>")),
        ("templates", filled("<template>")),
        ("foreign", format!("<svg>{}", filled("<g>"))),
        ("foster", format!("<table>{}", filled("<tr>x<a href=#>"))),
        ("attributes", format!("<p{attributes}>")),
        ("attribute", format!("<a href=\"{}\">", filled("x"))),
        ("comment", format!("<!--{}", filled("- "))),
        ("script", format!("<script>{}", filled("<!--<script"))),
        ("text", filled("& < ")),
    ]
}
