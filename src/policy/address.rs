//! Which addresses may be contacted, given who named the host: the rule of `--private`.
//!
//! Classes follow the IANA special-purpose address registries (IPv4 and IPv6, RFC 6890), with the places
//! where clouds keep their metadata added to link-local, because that is how they are used and abused. An
//! IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo) is as
//! private as the address inside. What is not allocated counts as private: unknown is not public.
//!
//! The class is taken of an `IpAddr`, after URL parsing and after name resolution, never of text; so no
//! spelling of an address has to be known here. Deliberately absent: looking names up, and the special name
//! `localhost`, which goes to the resolver like any other.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::model::{Failure, FailureKind, Naming};

/// The rule for addresses that are not public (`--private`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Private {
    /// Allowed where the user named the host.
    #[default]
    Auto,
    /// Allowed wherever a link leads, but for link-local and metadata, which the user must name himself.
    Allow,
    /// Public addresses only.
    Deny,
}

impl Private {
    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Private {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            _ => Err(format!("`{text}` is none of auto, allow, deny")),
        }
    }
}

/// How far an address is from the public network; a later class is the stricter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Globally reachable.
    Public,
    /// This host, its network, or a range that nobody outside can answer from.
    Private,
    /// This link, or the place where a cloud keeps its machines' credentials.
    LinkLocal,
    /// No single host can be there: multicast, broadcast, reserved.
    Never,
}

use Class::{LinkLocal, Never, Private as Inside, Public};

/// IPv4 ranges: first address, prefix length, class, name. The first that fits counts.
const V4: &[([u8; 4], u32, Class, &str)] = &[
    ([169, 254, 0, 0], 16, LinkLocal, "link-local"),
    ([168, 63, 129, 16], 32, LinkLocal, "cloud metadata"),
    ([100, 100, 100, 200], 32, LinkLocal, "cloud metadata"),
    ([192, 0, 0, 192], 32, LinkLocal, "cloud metadata"),
    ([127, 0, 0, 0], 8, Inside, "loopback"),
    ([10, 0, 0, 0], 8, Inside, "private"),
    ([172, 16, 0, 0], 12, Inside, "private"),
    ([192, 168, 0, 0], 16, Inside, "private"),
    ([100, 64, 0, 0], 10, Inside, "shared (carrier-grade NAT)"),
    // A connection to 0.0.0.0 reaches this host, and servers print it as their address.
    ([0, 0, 0, 0], 8, Inside, "this host"),
    ([192, 0, 0, 0], 24, Inside, "protocol assignment"),
    ([192, 0, 2, 0], 24, Inside, "documentation"),
    ([198, 51, 100, 0], 24, Inside, "documentation"),
    ([203, 0, 113, 0], 24, Inside, "documentation"),
    ([192, 88, 99, 0], 24, Inside, "6to4 relay"),
    ([198, 18, 0, 0], 15, Inside, "benchmarking"),
    ([224, 0, 0, 0], 4, Never, "multicast"),
    ([255, 255, 255, 255], 32, Never, "broadcast"),
    ([240, 0, 0, 0], 4, Never, "reserved"),
];

/// IPv6 ranges that carry no IPv4 address: first address, prefix length, class, name.
const V6: &[([u16; 8], u32, Class, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Inside, "loopback"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Inside, "this host"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, LinkLocal, "link-local"),
    (
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        128,
        LinkLocal,
        "cloud metadata",
    ),
    (
        [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254],
        128,
        LinkLocal,
        "cloud metadata",
    ),
    (
        [0xfc00, 0, 0, 0, 0, 0, 0, 0],
        7,
        Inside,
        "private (unique local)",
    ),
    (
        [0xfec0, 0, 0, 0, 0, 0, 0, 0],
        10,
        Inside,
        "private (site-local)",
    ),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Never, "multicast"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, Never, "discard-only"),
    // Inside 2001::/23, which is otherwise set aside for protocols, these are globally reachable.
    ([0x2001, 1, 0, 0, 0, 0, 0, 1], 128, Public, "public"),
    ([0x2001, 1, 0, 0, 0, 0, 0, 2], 128, Public, "public"),
    ([0x2001, 1, 0, 0, 0, 0, 0, 3], 128, Public, "public"),
    ([0x2001, 3, 0, 0, 0, 0, 0, 0], 32, Public, "public"),
    ([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48, Public, "public"),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, Public, "public"),
    ([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, Public, "public"),
    (
        [0x2001, 0, 0, 0, 0, 0, 0, 0],
        23,
        Inside,
        "protocol assignment",
    ),
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        Inside,
        "documentation",
    ),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Inside, "documentation"),
    ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, Public, "public"),
];

/// The class of `address`, and what such an address is called.
#[must_use]
pub fn classify(address: IpAddr) -> (Class, &'static str) {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> (Class, &'static str) {
    let bits = address.to_bits();
    V4.iter()
        .find(|(first, length, ..)| {
            bits >> (32 - length) == Ipv4Addr::from(*first).to_bits() >> (32 - length)
        })
        .map_or((Public, "public"), |(.., class, name)| (*class, *name))
}

fn classify_v6(address: Ipv6Addr) -> (Class, &'static str) {
    let bits = address.to_bits();
    let own = V6
        .iter()
        .find(|(first, length, ..)| {
            bits >> (128 - length) == Ipv6Addr::from(*first).to_bits() >> (128 - length)
        })
        .map(|(.., class, name)| (*class, *name));
    match (own, embedded(address)) {
        (Some(own), None) => own,
        (_, Some(inside)) => inside,
        (None, None) => (Inside, "unallocated"),
    }
}

/// The strictest class among the IPv4 addresses that `address` carries, if it carries any.
fn embedded(address: Ipv6Addr) -> Option<(Class, &'static str)> {
    let v4 = |high: u16, low: u16| {
        classify_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    let stricter = |one: (Class, &'static str), other: (Class, &'static str)| {
        if other.0 > one.0 { other } else { one }
    };
    match address.segments() {
        // Addresses of their own, though they read as IPv4-compatible 0.0.0.0 and 0.0.0.1.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Compatible and mapped (RFC 4291, 2.5.5), translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        // NAT64 of the local network (RFC 8215): never public, and where in it the address stands depends on
        // a prefix length that only that network knows, so every place of RFC 6052, 2.2 is looked at.
        [0x64, 0xff9b, 1, ..] => {
            let octets = address.octets();
            let places = [
                [6, 7, 9, 10],
                [7, 9, 10, 11],
                [9, 10, 11, 12],
                [12, 13, 14, 15],
            ];
            let found = places.map(|place| classify_v4(place.map(|at| octets[at]).into()));
            // Bits that are no address read as any class; only what would forbid more is believed.
            let worst = found.into_iter().find(|found| found.0 == LinkLocal);
            Some(worst.unwrap_or((Inside, "local NAT64")))
        }
        // Teredo (RFC 4380): the server's address, and the client's with its bits turned over.
        [0x2001, 0, high, low, .., last_high, last_low] => {
            Some(stricter(v4(high, low), v4(!last_high, !last_low)))
        }
        _ => None,
    }
}

/// May `address` be contacted, under `private`, when `naming` says who named the host?
///
/// The user may name anything that a host can have. A local file under check may name private hosts, but
/// not link-local or metadata ones, whatever `private` says: it may be somebody's pull request. A page or
/// a redirect may lead to public addresses only, and with `allow` to private ones.
///
/// # Errors
///
/// `forbidden-address`, with the address, what it is, and the way out.
pub fn permitted(private: Private, naming: Naming, address: IpAddr) -> Result<(), Failure> {
    let (class, name) = classify(address);
    let furthest = match (private, naming) {
        (Private::Deny, _) | (Private::Auto, Naming::Page) => Public,
        (_, Naming::User) => LinkLocal,
        (_, Naming::File) | (Private::Allow, Naming::Page) => Inside,
    };
    if class <= furthest {
        return Ok(());
    }
    let refusal = match (class, private, naming) {
        (Never, ..) => "no host can be there",
        (_, Private::Deny, _) => "--private deny leaves public addresses only",
        (LinkLocal, _, Naming::File) => {
            "a file under check may not name it; name the host yourself"
        }
        (LinkLocal, ..) => "a page may not lead there; name the host yourself",
        (Inside | Public, ..) => "a page may not lead there; --private allow permits it",
    };
    Err(Failure::new(
        FailureKind::ForbiddenAddress,
        format!("{address} is {name}: {refusal}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::{Host, Url};

    /// The class as one letter: public, private (inside), link-local, never.
    fn letter(class: Class) -> char {
        match class {
            Public => 'p',
            Inside => 'i',
            LinkLocal => 'l',
            Never => 'n',
        }
    }

    #[test]
    fn addresses_are_classified_by_the_registries() {
        let table = "
            8.8.8.8 p  1.1.1.1 p  172.32.0.1 p  172.15.255.255 p  100.63.255.255 p  100.128.0.1 p
            192.0.1.1 p  198.17.255.255 p  198.20.0.1 p  126.255.255.255 p  128.0.0.1 p
            11.0.0.1 p  192.167.0.1 p  223.255.255.255 p  168.63.129.17 p  169.253.1.1 p
            127.0.0.1 i  127.255.255.254 i  10.1.2.3 i  172.16.0.1 i  172.31.255.255 i
            192.168.1.1 i  100.64.0.1 i  100.127.255.255 i  0.0.0.0 i  0.1.2.3 i  192.0.0.8 i
            192.0.2.1 i  198.51.100.7 i  203.0.113.9 i  198.18.0.1 i  198.19.255.255 i
            192.88.99.1 i
            169.254.169.254 l  169.254.0.1 l  168.63.129.16 l  100.100.100.200 l  192.0.0.192 l
            224.0.0.1 n  239.255.255.255 n  240.0.0.1 n  255.255.255.255 n
            2606:4700::1111 p  2a00:1450:4001::200e p  2001:4860:4860::8888 p  2001:20::1 p
            2001:1::1 p  2001:4:112::1 p
            ::1 i  :: i  fc00::1 i  fd12:3456::1 i  fec0::1 i  2001:db8::1 i  3fff::1 i
            2001:2::1 i  4000::1 i  5f00::1 i  64:ff9b:2::1 i
            fe80::1 l  febf::1 l  fd00:ec2::254 l  fd20:ce::254 l
            ff02::1 n  100::1 n
            ::ffff:8.8.8.8 p  ::ffff:127.0.0.1 i  ::ffff:169.254.169.254 l  ::ffff:224.0.0.1 n
            ::8.8.8.8 p  ::127.0.0.1 i  ::ffff:0:10.0.0.1 i
            64:ff9b::8.8.8.8 p  64:ff9b::10.0.0.1 i  64:ff9b::169.254.169.254 l
            64:ff9b:1::8.8.8.8 i  64:ff9b:1::169.254.169.254 l  64:ff9b:1:a9fe:a9:fe00:: l
            2002:808:808::1 p  2002:7f00:1::1 i  2002:a9fe:a9fe::1 l
            2001:0:808:808::f7f7:f7f7 p  2001:0:7f00:1::f7f7:f7f7 i  2001:0:808:808::80ff:fffe i
            2001:0:808:808::5601:5601 l";
        let mut words = table.split_whitespace();
        let mut rows = 0;
        while let (Some(address), Some(wanted)) = (words.next(), words.next()) {
            let (class, name) = classify(address.parse().expect(address));
            assert_eq!(letter(class).to_string(), wanted, "{address} is {name}");
            assert_eq!(class == Public, name == "public", "{address} is {name}");
            rows += 1;
        }
        assert_eq!(rows, 85);
    }

    #[test]
    fn no_spelling_of_a_url_hides_an_address() {
        let inside = [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7F.1",
            "0x7f.0.0.1",
            "0x7f.0x0.0x0.0x1",
            "0177.0.0.1",
            "0177.1",
            "017700000001",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "127.1.",
            "１２７.０.０.１",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "127．0．0．1",
            "127｡0｡0｡1",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "0x7f.0x00000000000000000001",
            "00000177.0.0.1",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::0001]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
            "[::127.0.0.1]",
            "[::7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "0",
            "0.0.0.0",
            "0x0",
            "000.000.000.000",
            "[::]",
            "10.1",
            "0xa.1",
            "012.0.0.1",
            "167772161",
            "3232235777",
            "0xc0a80101",
            "192.168.257",
            "172.1048577",
            "user@127.0.0.1",
            "example.org@127.0.0.1",
            "127.0.0.1\t",
            "1\n27.0.0.1",
            "\\127.0.0.1",
        ];
        let link_local = [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "0xa9.0xfe.0xa9.0xfe",
            "0251.0376.0251.0376",
            "169.254.43518",
            "169.16689662",
            "①⑥⑨.254.169.254",
            "[::ffff:a9fe:a9fe]",
            "[fd00:ec2::254]",
            "[fd00:ec2:0:0::0254]",
            "[fe80::1]",
            "[64:ff9b::a9fe:a9fe]",
            "0xa83f8110",
        ];
        for (spellings, wanted) in [(&inside[..], Inside), (&link_local[..], LinkLocal)] {
            for spelling in spellings {
                let url = Url::parse(&format!("http://{spelling}/")).expect(spelling);
                let address = match url.host() {
                    Some(Host::Ipv4(address)) => IpAddr::V4(address),
                    Some(Host::Ipv6(address)) => IpAddr::V6(address),
                    host => panic!("{spelling:?} was read as {host:?}"),
                };
                assert_eq!(classify(address).0, wanted, "{spelling:?} is {address}");
            }
        }
        for name in [
            "localhost",
            "a.localhost",
            "127.0.0.1.example",
            "0x7f.example",
        ] {
            let url = Url::parse(&format!("http://{name}/")).expect(name);
            assert!(
                matches!(url.host(), Some(Host::Domain(_))),
                "{name} is for the resolver"
            );
        }
    }

    #[test]
    fn who_named_the_host_decides() {
        use Naming::{File, Page, User};
        let table = [
            (Private::Auto, User, "pil"),
            (Private::Auto, File, "pi"),
            (Private::Auto, Page, "p"),
            (Private::Allow, User, "pil"),
            (Private::Allow, File, "pi"),
            (Private::Allow, Page, "pi"),
            (Private::Deny, User, "p"),
            (Private::Deny, File, "p"),
            (Private::Deny, Page, "p"),
        ];
        for (private, naming, allowed) in table {
            for address in ["8.8.8.8", "10.0.0.1", "169.254.169.254", "224.0.0.1"] {
                let address: IpAddr = address.parse().expect(address);
                let answer = permitted(private, naming, address);
                let wanted = allowed.contains(letter(classify(address).0));
                assert_eq!(answer.is_ok(), wanted, "{private} {naming:?} {address}");
                if let Err(failure) = answer {
                    assert_eq!(failure.kind, FailureKind::ForbiddenAddress);
                    assert!(
                        failure.message.contains(&address.to_string()),
                        "{}",
                        failure.message
                    );
                }
            }
        }
        let failure = permitted(Private::Auto, Page, [127, 0, 0, 1].into()).unwrap_err();
        assert_eq!(
            failure.message,
            "127.0.0.1 is loopback: a page may not lead there; --private allow permits it"
        );
    }

    #[test]
    fn the_rule_is_read_and_shown_by_its_name() {
        for private in [Private::Auto, Private::Allow, Private::Deny] {
            assert_eq!(private.to_string().parse(), Ok(private));
        }
        assert!(
            "Auto"
                .parse::<Private>()
                .is_err_and(|message| message.contains("auto, allow, deny"))
        );
    }
}
