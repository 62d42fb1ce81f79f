//! Tables of both sides: what is denied by which rule, and what is not.

use super::*;

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| Rule::parse(text).expect(text)).collect()
}

fn egress(mode: Mode, deny: &[&str], allow: &[&str]) -> Egress {
    Egress { mode, deny: rules(deny), allow: rules(allow) }
}

/// What comes of calling a host where it has this address.
fn of(egress: &Egress, host: &str, address: &str, port: u16) -> Result<(), String> {
    let address = SocketAddr::new(address.parse().expect(address), port);
    let checked = egress.check_host(host, port).and_then(|()| egress.check_address(host, address));
    checked.map_err(|denied| denied.to_string())
}

/// Which addresses may be called at port 80.
fn check(egress: &Egress, addresses: &[(&str, bool)]) {
    for (address, permitted) in addresses {
        let found = of(egress, address, address, 80);
        assert_eq!(found.is_ok(), *permitted, "{address}: {found:?}, {egress:?}");
    }
}

#[test]
fn what_is_always_denied_is_denied_without_any_rule() {
    let denied = [
        "169.254.169.254",
        "169.254.0.0",
        "169.254.255.255",
        "fe80::1",
        "febf:ffff::",
        "224.0.0.1",
        "239.255.255.255",
        "ff02::1",
        "0.0.0.0",
        "::",
        "255.255.255.255",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        // The same in forms that lead there.
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "2001:0:808:808::5601:5601",
        "2001:db8::5efe:169.254.169.254",
        "64:ff9b::168.63.129.16",
    ];
    let taken = ["127.0.0.1", "10.0.0.1", "::1", "8.8.8.8", "fd00::1", "169.253.0.1", "64:ff9b::8.8.8.8"];
    let rows: Vec<_> = denied.iter().map(|a| (*a, false)).chain(taken.iter().map(|a| (*a, true))).collect();
    check(&egress(Mode::Open, &[], &[]), &rows);
    // A wide range lifts nothing of it, and lists add to it.
    check(&egress(Mode::Open, &["8.8.8.8"], &["0.0.0.0/0", "::/0"]), &rows);
    let denied: Vec<_> = denied.iter().map(|a| (*a, false)).collect();
    check(&egress(Mode::Public, &["10.0.0.0/8"], &["*.example.com", ":80"]), &denied);
}

#[test]
fn a_range_that_is_as_narrow_lifts_what_is_always_denied() {
    let some = egress(Mode::Public, &[], &["169.254.0.0/16"]);
    check(
        &some,
        &[("169.254.7.7", true), ("169.254.169.254", false), ("169.254.170.2", false), ("fe80::1", false)],
    );
    let one = egress(Mode::Public, &["169.254.0.0/16"], &["169.254.169.254:80", "fd00:ec2::254"]);
    check(
        &one,
        &[
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("169.254.169.253", false),
            ("fd00:ec2::254", true),
            ("fd00:ec2::253", false),
        ],
    );
    assert!(of(&one, "169.254.169.254", "169.254.169.254", 81).is_err(), "another port");
}

#[test]
fn an_allowed_range_lifts_denied_ranges_and_the_mode() {
    for lists in [
        egress(Mode::Open, &["0.0.0.0/0", "::/0"], &["127.0.0.0/8", "[::1]:80"]),
        egress(Mode::Public, &[], &["127.0.0.0/8", "[::1]:80"]),
    ] {
        check(
            &lists,
            &[
                ("127.0.0.9", true),
                ("::ffff:127.0.0.9", true),
                ("::1", true),
                ("10.0.0.1", false),
                ("fd00::1", false),
                // The translator's address is no part of the range, and what it leads to is.
                ("2002:7f00:1::", false),
            ],
        );
        assert!(of(&lists, "::1", "::1", 81).is_err());
    }
    check(&egress(Mode::Open, &["10.0.0.0/8"], &[]), &[("64:ff9b::10.0.0.1", false), ("11.0.0.1", true)]);
    // Both the form and what it leads to are judged.
    let translator = egress(Mode::Public, &[], &["64:ff9b:1::/48"]);
    check(&translator, &[("64:ff9b:1::8.8.8.8", true), ("64:ff9b:1::10.0.0.1", false), ("10.0.0.1", false)]);
}

#[test]
fn public_is_what_is_reached_from_everywhere() {
    check(
        &egress(Mode::Public, &["1.1.1.1"], &[]),
        &[
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("64:ff9b::8.8.8.8", true),
            ("1.1.1.1", false),
            ("::ffff:1.1.1.1", false),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::10.0.0.1", false),
            ("2002:808:808::1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("fc00::1", false),
            ("fec0::1", false),
        ],
    );
}

#[test]
fn a_denied_host_or_port_is_denied_whatever_is_allowed() {
    let lists = egress(Mode::Open, &["*.evil.test", ":25"], &["0.0.0.0/0"]);
    for (host, port, permitted) in [
        ("a.evil.test", 80, false),
        ("a.evil.test.", 80, false),
        ("A.EVIL.test", 80, false),
        ("evil.test", 80, true),
        ("good.test", 25, false),
        ("good.test", 80, true),
    ] {
        assert_eq!(of(&lists, host, "8.8.8.8", port).is_ok(), permitted, "{host}:{port}");
    }
}

#[test]
fn an_allowed_host_only_narrows() {
    let lists = egress(Mode::Public, &[], &["*.example.com:443", ":8443", "10.0.0.0/8"]);
    for (host, address, port, permitted) in [
        ("api.example.com", "8.8.8.8", 443, true),
        ("api.example.com", "8.8.8.8", 80, false),
        ("other.test", "8.8.8.8", 8443, true),
        ("other.test", "8.8.8.8", 443, false),
        // It lifts no rule on addresses; the range beside it does.
        ("api.example.com", "127.0.0.1", 443, false),
        ("api.example.com", "169.254.169.254", 443, false),
        ("other.test", "10.0.0.1", 80, true),
        ("10.0.0.1", "10.0.0.1", 80, true),
        ("8.8.8.8", "8.8.8.8", 443, false),
        ("8.8.8.8", "8.8.8.8", 8443, true),
    ] {
        assert_eq!(of(&lists, host, address, port).is_ok(), permitted, "{host} {address}:{port}");
    }
    let names = egress(Mode::Open, &[], &["api.example.com"]);
    assert!(names.check_host("api.example.com", 1).is_ok() && names.check_host("x.test", 1).is_err());
    // Of a name that the proxy looks up no address is known.
    assert!(lists.check_host("other.test", 80).is_ok() && lists.check_name("other.test", 80).is_err());
}

#[test]
fn the_error_names_the_rule_and_what_would_allow_it() {
    for (lists, host, address, wanted) in [
        (
            egress(Mode::Open, &[], &[]),
            "metadata.test",
            "169.254.169.254",
            "connections to 169.254.169.254:80 (metadata.test) are denied by dispatcher.http.egress: 169.254.169.254 is a \
             metadata address of a cloud, which no wider range allows; \"169.254.169.254\" in dispatcher.http.egress.allow \
             would allow it",
        ),
        (
            egress(Mode::Public, &[], &[]),
            "64:ff9b::a00:1",
            "64:ff9b::a00:1",
            "connections to [64:ff9b::a00:1]:80 are denied by dispatcher.http.egress: 10.0.0.1 is a private address, and \
             dispatcher.http.egress.mode is public; \"10.0.0.1\" in dispatcher.http.egress.allow would allow it",
        ),
        (
            egress(Mode::Open, &["10.0.0.0/8:1-99"], &[]),
            "10.0.0.1",
            "10.0.0.1",
            "connections to 10.0.0.1:80 are denied by dispatcher.http.egress: 10.0.0.1 is in \"10.0.0.0/8:1-99\" of \
             dispatcher.http.egress.deny; \"10.0.0.1\" in dispatcher.http.egress.allow would allow it",
        ),
        (
            egress(Mode::Open, &["*.evil.test"], &[]),
            "a.evil.test",
            "8.8.8.8",
            "connections to a.evil.test:80 are denied by dispatcher.http.egress: \"*.evil.test\" is in \
             dispatcher.http.egress.deny; nothing but taking it out there would allow it",
        ),
        (
            egress(Mode::Open, &[], &["good.test"]),
            "2001:db8::1",
            "2001:db8::1",
            "connections to [2001:db8::1]:80 are denied by dispatcher.http.egress: dispatcher.http.egress.allow names hosts \
             or ports, and not these; \"[2001:db8::1]:80\" in it would allow it",
        ),
    ] {
        assert_eq!(of(&lists, host, address, 80), Err(wanted.to_owned()));
    }
}

/// Whoever follows the error's advice is allowed what was denied.
#[test]
fn what_the_error_says_would_allow_it_does() {
    for address in
        ["169.254.169.254", "fe80::1", "0.0.0.0", "10.0.0.1", "64:ff9b::10.0.0.1", "fd00:ec2::254", "ff02::1"]
    {
        let denied = of(&egress(Mode::Public, &[], &[]), address, address, 80).expect_err(address);
        let advice = denied.split('"').nth(1).expect("a quoted entry");
        assert_eq!(of(&egress(Mode::Public, &[], &[advice]), address, address, 80), Ok(()), "{denied}");
    }
}
