//! Values that flags take: fields, and numbers with units (`model::quantity`), read and shown.

pub(super) use dragnet::model::quantity::{duration, size};

/// `Name: value`.
pub(super) fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a field is written 'Name: value'")?;
    http::HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| format!("{} is no field name", name.trim().escape_debug()))?;
    http::HeaderValue::from_str(value.trim())
        .map_err(|_| "the value has characters that a field cannot carry".to_owned())?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// `12 MiB`, for people.
pub(super) fn readable(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 || unit == "GiB" {
            let digits = usize::from(unit != "B" && value < 10.0);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1024.0;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(512), "512 B");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(50 << 20), "50 MiB");
    }
}
