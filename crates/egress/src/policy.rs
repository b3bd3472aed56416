//! Which addresses may be reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Which addresses may be reached: the public ones, and what the operator allowed.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Vec<IpNet>,
    is_open: bool,
}

/// An entry of the allow list that is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is no range of addresses; write it as 10.1.0.0/16 or fd00::/8")]
pub struct BadRange {
    /// The entry.
    pub entry: String,
}

/// An address that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} is {what} address; set RUNNEL_EGRESS_ALLOW={range} on the server to allow it")]
pub struct Refused {
    /// The address.
    pub address: IpAddr,
    /// What kind of address it is, with its article.
    pub what: &'static str,
    /// The narrowest range that would allow it.
    pub range: IpNet,
}

impl Policy {
    /// Reads a comma-separated list of ranges or single addresses.
    ///
    /// # Errors
    /// Names the entry that is neither.
    pub fn parse(list: &str) -> Result<Self, BadRange> {
        let entries = list
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        let parse = |entry: &str| {
            let single = entry.parse::<IpAddr>().map(IpNet::from);
            entry.parse::<IpNet>().or(single).map_err(|_| BadRange {
                entry: entry.to_owned(),
            })
        };
        Ok(Self {
            allowed: entries.map(parse).collect::<Result<_, _>>()?,
            is_open: false,
        })
    }

    /// A policy that allows everything, for a person's own commands.
    pub const fn open() -> Self {
        Self {
            allowed: Vec::new(),
            is_open: true,
        }
    }

    /// Asks whether an address may be reached.
    ///
    /// # Errors
    /// Says what kind of address it is and what would allow it.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let plain = embedded(address);
        let is_allowed =
            |address: IpAddr| self.allowed.iter().any(|range| range.contains(&address));
        if self.is_open || is_allowed(address) || plain.is_some_and(is_allowed) {
            return Ok(());
        }
        let judged = plain.unwrap_or(address);
        let what = match judged {
            IpAddr::V4(address) => special_v4(address),
            IpAddr::V6(address) => special_v6(address),
        };
        match what {
            None => Ok(()),
            Some(what) => Err(Refused {
                address,
                what,
                range: IpNet::from(judged),
            }),
        }
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible,
/// translated (NAT64) or tunnelled (6to4, Teredo).
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(address) = address else {
        return None;
    };
    let segments = address.segments();
    let pair = |high: u16, low: u16| {
        Some(IpAddr::V4(Ipv4Addr::from(
            (u32::from(high) << 16) | u32::from(low),
        )))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xFFFF, high, low]
        | [0x64, 0xFF9B, 0, 0, 0, 0, high, low]
        | [0x64, 0xFF9B, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => pair(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if !address.is_loopback() && !address.is_unspecified() => {
            pair(high, low)
        }
        // RFC 4380: the client's address is stored inverted.
        [0x2001, 0, _, _, _, _, high, low] => pair(!high, !low),
        _ => None,
    }
}

/// What is special about an IPv4 address (IANA's registry), if anything.
fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (127, ..) => "a loopback",
        (169, 254, _) => "a link-local",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "a private",
        (100, 64..=127, _) => "a carrier-grade NAT",
        (0, ..) => "an unspecified",
        (255, 255, 255) if address.is_broadcast() => "the broadcast",
        (224..=239, ..) => "a multicast",
        (240..=255, ..) => "a reserved",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "a documentation",
        (198, 18..=19, _) => "a benchmarking",
        (192, 0, 0) | (192, 88, 99) => "a protocol",
        _ => return None,
    })
}

/// What is special about an IPv6 address, if anything. What lies outside
/// `2000::/3` is not given out to anybody, so it is refused as a whole.
fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    Some(match segments[0] {
        _ if address.is_loopback() => "a loopback",
        _ if address.is_unspecified() => "an unspecified",
        0xFE80..=0xFEBF => "a link-local",
        0xFEC0..=0xFEFF => "a site-local",
        0xFC00..=0xFDFF => "a private",
        0xFF00..=0xFFFF => "a multicast",
        0x2001 if segments[1] == 0xDB8 => "a documentation",
        0x3FFF if segments[1] < 0x1000 => "a documentation",
        0x2001 if segments[1] < 0x200 => "a protocol",
        0x2000..=0x3FFF => return None,
        _ => "a reserved",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &str, address: &str) -> bool {
        Policy::parse(policy)
            .unwrap()
            .check(address.parse().unwrap())
            .is_ok()
    }

    #[test]
    fn only_public_addresses_are_reached_by_default() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(check("", address), "{address}");
        }
        let refused = [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "fec0::1",
            "2001:db8::1",
            "100::1",
            "4000::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::80ff:fffe",
        ];
        for address in refused {
            assert!(!check("", address), "{address}");
        }
    }

    #[test]
    fn the_operator_may_allow_ranges_in_any_form() {
        assert!(check("127.0.0.0/8, 10.1.0.0/16", "127.0.0.1"));
        assert!(check("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(check("192.168.1.7", "192.168.1.7"));
        assert!(!check("192.168.1.7", "192.168.1.8"));
        assert!(check("::1/128", "::1"));
        assert_eq!(
            Policy::parse("10.0.0.0/8,nonsense").unwrap_err().entry,
            "nonsense"
        );
    }

    #[test]
    fn a_refusal_names_the_setting_that_would_allow_it() {
        let refused = Policy::default()
            .check("::ffff:127.0.0.1".parse().unwrap())
            .unwrap_err();
        let message = refused.to_string();
        assert!(
            message.contains("RUNNEL_EGRESS_ALLOW=127.0.0.1/32") && message.contains("loopback"),
            "{message}"
        );
        assert!(check(&refused.range.to_string(), "::ffff:127.0.0.1"));
    }
}
