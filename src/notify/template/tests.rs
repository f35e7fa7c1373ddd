//! What templates can say, and what they cannot do.
#![allow(clippy::unwrap_used)]

use super::*;

fn body(source: &str) -> Result<String, String> {
    let text = TemplateText { title: None, body: Some(source.to_owned()) };
    let template = Template::parse(&text).map_err(|error| error.found)?;
    Ok(template.tell(&sample(Kind::Problem)).body.unwrap())
}

#[test]
fn a_template_says_what_the_message_says() {
    for (source, expected) in [
        ("", ""),
        ("{{ title | upper }}!", "THE CERTIFICATE OF SHOP.EXAMPLE.COM HAS EXPIRED!"),
        ("{{ namespace }}/{{ name }} in {{ cluster }}\n{{ place }}", "shop/web in prod\nshop.example.com:443"),
        ("{% if level == 'critical' and (port == 443) %}now{% else %}soon{% endif %}", "now"),
        ("{% if certificate %}{{ certificate.days }} {{ certificate.validTo }}{% endif %}", "-1 1970-01-01 00:00 UTC"),
        (
            "{% for part in parts %}{{ part.title }}\n{% endfor %}{{ since ~ ' ' ~ at }}",
            "1970-01-01 00:00 UTC 1970-01-01 00:00 UTC",
        ),
        ("{# nothing #}{% raw %}{{ x * 2 }}{% endraw %}", "{{ x * 2 }}"),
        ("{{ certificate.days + 1 if certificate else 0 }}", "0"),
        ("<b>&{{ title }}</b>", "<b>&the certificate of shop.example.com has expired</b>"),
    ] {
        assert_eq!(body(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_does_not_exist_is_refused_even_where_it_is_never_reached() {
    for (source, expected) in [
        ("{{ titel }}", "it uses `titel`, which does not exist"),
        ("{% if false %}{{ secret }}{% endif %}", "it uses `secret`, which does not exist"),
        ("{{ certificate.key }}", "it uses `certificate.key`, which does not exist"),
        ("{{ certificate.days }}", "it fails for a problem without certificate (line 1: undefined value)"),
        (
            "{% for part in parts %}{{ part.secret }}{% endfor %}",
            "it fails for a message for many without certificate (line 1: undefined value)",
        ),
        ("{{ title | nosuch }}", "it fails for a problem (line 1: unknown filter: filter nosuch is unknown)"),
        (
            "{{ title",
            "it cannot be read (line 1: syntax error: unexpected end of input, expected end of variable block)",
        ),
    ] {
        assert_eq!(body(source), Err(expected.to_owned()), "{source}");
    }
}

#[test]
fn nothing_can_be_loaded_called_set_or_blown_up() {
    let statement = "it has a statement other than if and for";
    for (source, expected) in [
        ("{{ 'x' * 9999999999 }}", "it multiplies"),
        ("{{ 9 ** 9 ** 9 }}", "it multiplies"),
        ("{{ '%9999999999d' % port }}", "it multiplies"),
        ("{{ '{:>9999999999}'.format(port) }}", "it calls something"),
        ("{{ range(99999) }}", "it calls something"),
        ("{{ loop('x') }}", "it calls something"),
        ("{{ (title)(1) }}", "it calls something"),
        ("{{ parts[0](1) }}", "it calls something"),
        ("{% set x = title ~ title %}", statement),
        ("{% include 'a' %}", statement),
        ("{% import 'a' as a %}", statement),
        ("{% extends 'a' %}", statement),
        ("{% macro a() %}{% endmacro %}", statement),
        ("{% filter upper %}x{% endfilter %}", statement),
        ("{% with x = 1 %}{% endwith %}", statement),
        ("{%- do x %}", statement),
        ("{% call x() %}{% endcall %}", statement),
    ] {
        assert_eq!(body(source), Err(expected.to_owned()), "{source}");
    }
}

#[test]
fn neither_steps_nor_output_nor_source_are_unbounded() {
    let letters = "'0123456789abcdefghijklmnopqrstuvwxyz'";
    let nested = |depth: usize, inside: &str| {
        let open: String = (0..depth).fold(String::new(), |open, n| open + &format!("{{% for a{n} in {letters} %}}"));
        format!("{open}{inside}{}", "{% endfor %}".repeat(depth))
    };
    assert_eq!(body(&nested(6, "")), Err("it fails for a problem (line 1: engine ran out of fuel)".to_owned()));
    assert_eq!(body(&nested(3, "x")), Err("what comes out is too long".to_owned()));
    assert_eq!(body(&"x".repeat(4097)), Err("it has 4097 bytes".to_owned()));
    assert_eq!(body(&"x".repeat(4096)).unwrap().len(), 4096);
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(2000), ")".repeat(2000));
    assert!(body(&deep).unwrap_err().contains("recursion"));
}

#[test]
fn a_long_message_is_cut_and_a_title_is_one_line() {
    let text = TemplateText { title: Some("a\r\nB: {{ title }}".to_owned()), body: Some("{{ detail }}".to_owned()) };
    let template = Template::parse(&text).unwrap();
    let message = Message { title: "t".repeat(300), detail: "d".repeat(9000), ..sample(Kind::Problem) };
    let told = template.tell(&message);
    assert_eq!(told.title, format!("a  B: {}…", "t".repeat(249)));
    assert_eq!(told.body.unwrap(), format!("{}…", "d".repeat(4095)));
}
