//! Prints what Rust's semver crate makes of 10,000 generated cases, one a line, tab-separated:
//! version, ok/err, printed, requirement, ok/err, printed, matches, other version, ok/err, printed,
//! order of the two versions (Ord), their precedence. Inputs are escaped as \xNN outside 0x21..0x7e.
//! The cases are the same in every run.

use semver::{Version, VersionReq};
use std::cmp::Ordering;

const CASES: usize = 10_000;

struct Random(u64);

impl Random {
    /// splitmix64
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

fn number(r: &mut Random) -> String {
    match r.below(40) {
        0 => "18446744073709551615".into(),
        1 => r.pick(&["18446744073709551616", "18446744073709551620", "99999999999999999999999"]).into(),
        2 => r.pick(&["00", "01", "007", "", "x", "-1", "+1", " 1", "1 ", "1a", "٣"]).into(),
        3 => r.pick(&["10", "11", "99", "100", "4294967296"]).into(),
        _ => r.below(3).to_string(),
    }
}

fn identifiers(r: &mut Random) -> String {
    const PARTS: [&str; 26] = [
        "0", "1", "2", "10", "9", "99999999999999999999999", "99999999999999999999998", "alpha",
        "beta", "rc", "a", "A", "-", "--", "0a", "a0", "1-", "x", "0", "00", "01", "001", "",
        "é", "_", "0-",
    ];
    let n = 1 + r.below(3);
    let parts: Vec<&str> = (0..n)
        .map(|_| if r.one_in(6) { r.pick(&PARTS) } else { r.pick(&PARTS[..18]) })
        .collect();
    parts.join(".")
}

fn version(r: &mut Random) -> String {
    let mut v = format!("{}.{}.{}", number(r), number(r), number(r));
    if r.one_in(2) {
        v += &format!("-{}", identifiers(r));
    }
    if r.one_in(3) {
        v += &format!("+{}", identifiers(r));
    }
    mutate(r, v, 12)
}

/// Near another version, so that orders and matches come out in every way.
fn near(r: &mut Random, other: &str) -> String {
    let core = other.split(['-', '+']).next().unwrap_or("").to_string();
    match r.below(5) {
        0 => other.into(),
        1 => format!("{core}-{}", identifiers(r)),
        2 => format!("{core}+{}", identifiers(r)),
        3 => core,
        _ => version(r),
    }
}

fn mutate(r: &mut Random, mut text: String, rarely: usize) -> String {
    if !r.one_in(rarely) {
        return text;
    }
    const ODD: [&str; 24] = [
        " ", "  ", ".", "..", "-", "+", "*", "x", ",", ", ", "=", ">", "^", "\t", "\n", "v", "0",
        "é", "|", "||", "~", "<", ">=", "\u{0}",
    ];
    let places: Vec<usize> = (0..=text.len()).filter(|&i| text.is_char_boundary(i)).collect();
    let at = places[r.below(places.len())];
    match r.below(3) {
        0 => text.insert_str(at, r.pick(&ODD)),
        1 => text.truncate(at),
        _ => {
            if let Some(c) = text[at..].chars().next() {
                text.replace_range(at..at + c.len_utf8(), r.pick(&ODD));
            }
        }
    }
    text
}

fn comparator(r: &mut Random, near: &str) -> String {
    let op = r.pick(&["", "", "=", ">", ">=", "<", "<=", "~", "^", "", "==", "=>", "!", "~>"]);
    let gap = if r.one_in(5) { " " } else { "" };
    let wild = |r: &mut Random| r.pick(&["*", "x", "X"]).to_string();
    let body = match r.below(12) {
        0 => number(r),
        1 => format!("{}.{}", number(r), number(r)),
        2 => format!("{}.{}", number(r), wild(r)),
        3 => format!("{}.{}.{}", number(r), number(r), wild(r)),
        4 => format!("{}.{}.{}", number(r), wild(r), wild(r)),
        5 => format!("{}.{}.{}", number(r), wild(r), number(r)),
        6 => wild(r),
        7 => format!("{}.{}-{}", number(r), number(r), identifiers(r)),
        8 => near.into(),
        9 => format!("{}-{}", near.split(['-', '+']).next().unwrap_or(""), identifiers(r)),
        10 => near.split(['-', '+']).next().unwrap_or("").into(),
        _ => version(r),
    };
    format!("{op}{gap}{body}")
}

fn requirement(r: &mut Random, near: &str) -> String {
    let n = match r.below(60) {
        0 => 31 + r.below(3),
        1..=4 => 3 + r.below(3),
        5..=20 => 2,
        21 => return r.pick(&["", " ", "*", " * ", "x", "X ", "*,", "*.*", "**", "* ,1", ","]).into(),
        _ => 1,
    };
    let parts: Vec<String> = if n > 30 {
        (0..n).map(|_| ">=0.0.0".into()).collect()
    } else {
        (0..n).map(|_| comparator(r, near)).collect()
    };
    let text = parts.join(r.pick(&[",", ", ", " , ", ",  ", " ,"]));
    mutate(r, text, 15)
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if (0x21..=0x7e).contains(&b) && b != b'\\' {
            out.push(b as char);
        } else {
            out += &format!("\\x{b:02x}");
        }
    }
    out
}

fn shown<T: std::fmt::Display, E>(parsed: &Result<T, E>) -> (&'static str, String) {
    match parsed {
        Ok(value) => ("ok", escape(&value.to_string())),
        Err(_) => ("err", "-".into()),
    }
}

fn order(o: Ordering) -> &'static str {
    match o {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

fn main() {
    let mut r = Random(2026);
    for _ in 0..CASES {
        let a = version(&mut r);
        let b = near(&mut r, &a);
        let q = requirement(&mut r, &a);
        let (va, vb, vq) = (Version::parse(&a), Version::parse(&b), VersionReq::parse(&q));
        let matches = match (&va, &vq) {
            (Ok(v), Ok(req)) => if req.matches(v) { "yes" } else { "no" },
            _ => "-",
        };
        let (ord, precedence) = match (&va, &vb) {
            (Ok(x), Ok(y)) => (order(x.cmp(y)), order(x.cmp_precedence(y))),
            _ => ("-", "-"),
        };
        let (sa, sb, sq) = (shown(&va), shown(&vb), shown(&vq));
        println!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{matches}\t{}\t{}\t{}\t{ord}\t{precedence}",
            escape(&a), sa.0, sa.1, escape(&q), sq.0, sq.1, escape(&b), sb.0, sb.1,
        );
    }
}
