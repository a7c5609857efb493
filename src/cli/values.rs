//! Values that flags take: rates, and numbers with units (`model::quantity`), read and shown.

use std::time::Duration;

pub(super) use dragnet::model::quantity::{duration, size};

/// A number a second, as the time between two.
pub(super) fn rate(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "not a number of requests a second, such as 100 or 0.5".to_owned())?;
    if !(0.001..=1e6).contains(&number) {
        return Err("out of range; accepted is 0.001 to 1000000 a second".to_owned());
    }
    Ok(Duration::from_secs_f64(1.0 / number))
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

/// `1.5 ms`, `120 ms`, `2.4 s`, for people.
pub(super) fn brief(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.1} s", milliseconds / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        for (microseconds, shown) in [
            (90, "0.1 ms"),
            (1540, "1.5 ms"),
            (12_400, "12 ms"),
            (999_600, "1.0 s"),
            (61_000_000, "61.0 s"),
        ] {
            assert_eq!(brief(Duration::from_micros(microseconds)), shown);
        }
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable(512), "512 B");
        assert_eq!(readable(1536), "1.5 KiB");
        assert_eq!(readable(50 << 20), "50 MiB");
    }
}
