//! Numbers with units, as people write them: no flag takes a bare number whose unit one has to know.

use std::time::Duration;

/// A length of time: `500ms`, `30s`, `5m`, `1h`, `7d`, also `1.5s` and `0`.
///
/// # Errors
/// What is accepted.
pub fn duration(text: &str) -> Result<Duration, String> {
    let accepted = "accepted are numbers with a unit: 500ms, 1.5s, 2m, 1h, 7d";
    let (number, unit) = split(text);
    let number: f64 = number
        .parse()
        .map_err(|_| format!("not a duration; {accepted}"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        "" if number == 0.0 => 0.0,
        "" => return Err(format!("a unit is missing; {accepted}")),
        _ => return Err(format!("the unit {unit} is not known; {accepted}")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("out of range; {accepted}"))
}

/// An amount of bytes: `10MiB`, `500KB`, `65536B`.
///
/// # Errors
/// What is accepted.
pub fn size(text: &str) -> Result<u64, String> {
    let accepted = "accepted are numbers with a unit: 65536B, 500KB, 64KiB, 10MiB, 1GiB";
    let (number, unit) = split(text);
    let number: f64 = number
        .parse()
        .map_err(|_| format!("not a size; {accepted}"))?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "" => return Err(format!("a unit is missing; {accepted}")),
        _ => return Err(format!("the unit {unit} is not known; {accepted}")),
    };
    let bytes = number * factor;
    if !(1.0..1e18).contains(&bytes) {
        return Err(format!("out of range; {accepted}"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "within 1..1e18"
    )]
    Ok(bytes as u64)
}

/// A number and what stands behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for bad in [
            "",
            "s",
            "5",
            "5 parsecs",
            "-1s",
            "1e99s",
            "9999999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_has_a_unit() {
        assert_eq!(size("10MiB"), Ok(10 << 20));
        assert_eq!(size("1kB"), Ok(1000));
        for bad in ["", "10", "10 stones", "-1B", "0B"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
