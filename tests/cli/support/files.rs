//! A folder as a site: which file a request path names, and with which media type it goes out.
//!
//! Behaves as the plain static hosts do that documentation sites live on: `index.html` for a folder,
//! a 301 to the path with a slash for a folder without one, 404 for the rest. Absent: listings,
//! validators, ranges, and any care about speed (files are read on the event loop; they are small).

use std::fs;
use std::path::Path;

use super::response::Response;

/// The answer to a request for `path` (without query) from the site in `root`.
pub(super) fn answer(root: &Path, path: &str) -> Response {
    let Some(decoded) = decode(path) else {
        return Response::new(400);
    };
    let mut file = root.to_owned();
    for segment in decoded.split('/').filter(|segment| !segment.is_empty()) {
        if segment == ".." || segment.contains(['\\', '\0']) {
            return Response::new(404);
        }
        file.push(segment);
    }
    if file.is_dir() {
        if !decoded.ends_with('/') {
            return Response::redirect(301, &format!("{path}/"));
        }
        file.push("index.html");
    }
    match fs::read(&file) {
        Ok(content) => Response::content(media_type(&file), content),
        Err(_) => Response::new(404),
    }
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("md") => "text/markdown; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("xml") => "application/xml",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("pdf") => "application/pdf",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

/// Percent-decodes a path; `None` if an escape is broken or the result is not UTF-8.
fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            rest = tail;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
