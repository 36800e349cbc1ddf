//! What expressions mean, and that none of them can cost more than its steps.

use std::time::Instant;

use serde_json::json;

use super::*;

fn ask(expression: &str, document: &Value) -> Result<bool, Fault> {
    Expression::parse(expression).unwrap_or_else(|wrong| panic!("{expression}: {wrong}")).is_true_of(document)
}

fn refused(expression: &str) -> String {
    Expression::parse(expression).err().unwrap_or_else(|| panic!("{expression} was read"))
}

#[test]
fn expressions_mean_what_the_specification_says() {
    let document = json!({
        "n": 3, "big": u64::MAX, "x": 0.5, "s": "abc", "t": "2026-11-20T12:00:00Z", "none": null,
        "list": [1, 2, 3], "map": {"a": 1, "b-c": 2}, "things": [{"id": "a", "v": 1}, {"id": "b"}],
    });
    for (expression, truth) in [
        ("1 + 2 * 3 == 7", true),
        ("(1 + 2) * 3 == 9", true),
        ("7 / 2 == 3 && -7 / 2 == -3 && 7 % 3 == 1 && -7 % 3 == -1", true),
        ("1 == 1.0 && 1u == 1 && evidence.n == 3u", true),
        ("1 < 1.5 && 2 > 1.5 && evidence.big > 9223372036854775807", true),
        ("'1' == 1", false),
        ("null == evidence.none", true),
        ("evidence.none == 0", false),
        ("'a' + 'b' == 'ab' && [1] + [2] == [1, 2]", true),
        ("'abc' < 'abd' && false < true", true),
        ("2 in evidence.list && !(4 in evidence.list)", true),
        ("'a' in evidence.map && !('z' in evidence.map)", true),
        ("evidence.map['b-c'] == 2 && evidence['n'] == 3 && evidence.list[0] == 1", true),
        ("has(evidence.map.a) && !has(evidence.map.z)", true),
        ("evidence.n > 2 ? true : evidence.missing", true),
        ("evidence.list.all(i, i > 0)", true),
        ("evidence.list.exists(i, i > 2)", true),
        ("evidence.list.exists_one(i, i > 1)", false),
        ("evidence.list.filter(i, i > 1) == [2, 3]", true),
        ("evidence.list.map(i, i * 2) == [2, 4, 6]", true),
        ("evidence.list.map(i, i > 1, i * 2) == [4, 6]", true),
        ("evidence.map.exists(k, evidence.map[k] == 2)", true),
        ("[1, 2].all(i, [3, 4].all(j, i < j))", true),
        ("[1, 2].map(i, [3].map(i, i)) == [[3], [3]]", true),
        (
            "size('héé') == 3 && 'abc'.size() == 3 && size(evidence.list) == 3 && evidence.map.size() == 2",
            true,
        ),
        (
            "'registry.example/a'.startsWith('registry.example/') && 'a.b'.endsWith('.b') && 'abc'.contains('b')",
            true,
        ),
        (r"'v1.2'.matches('^v[0-9]+\\.[0-9]+$') && 'xabcx'.matches(r'abc')", true),
        ("matches('abc', '^b')", false),
        ("timestamp(evidence.t) - timestamp('2026-11-19T12:00:00Z') == duration('24h')", true),
        ("timestamp(evidence.t) + duration('1h30m') > timestamp(evidence.t)", true),
        ("duration('1.5h') == duration('90m') && duration('-1s') < duration('0')", true),
        (
            "int('42') == 42 && int(3.9) == 3 && uint(3) == 3u && double('0.5') == evidence.x && string(3) == '3'",
            true,
        ),
        ("{'a': 1} == {'a': 1.0} && {'a': 1} == {'a': 1}", true),
        ("{'a': 1}.a == 1 && {1: 'x'}[1] == 'x'", true),
        ("0x10 == 16 && 1e3 == 1000.0 && 'a\\n\\u0041' == \"a\\nA\" && '''it's''' == 'it\\'s'", true),
        ("true // a remark\n && !false", true),
        // An error counts only if nothing else decides.
        ("evidence.missing || true", true),
        ("true || evidence.missing", true),
        ("false && evidence.missing", false),
        ("evidence.missing && false", false),
        ("evidence.things.exists(e, e.v == 1)", true),
        ("evidence.things.all(e, e.v == 2)", false),
    ] {
        assert_eq!(ask(expression, &document), Ok(truth), "{expression}");
    }
}

#[test]
fn what_is_missing_or_of_another_kind_is_an_error_and_never_false() {
    let document = json!({"n": 3, "s": "abc", "list": [1], "things": [{"v": 1}, {}]});
    for expression in [
        "evidence.missing",
        "!evidence.missing",
        "evidence.missing == 1",
        "evidence.missing || false",
        "evidence.n.x == 1",
        "has(evidence.n.x)",
        "evidence.list[1] == 1",
        "evidence.list[-1] == 1",
        "evidence.list['a'] == 1",
        "evidence.n",
        "evidence.n && true",
        "evidence.n < 'a'",
        "'a' + 1 == 'a1'",
        "1 + 1.0 == 2.0",
        "1 / 0 == 0",
        "9223372036854775807 + 1 > 0",
        "-(-9223372036854775807 - 1) > 0",
        "uint(-1) == 0u",
        "int('x') == 0",
        "timestamp('yesterday') < timestamp('2026-01-01T00:00:00Z')",
        "duration('1 day') == duration('24h')",
        "1 in evidence.s",
        "evidence.n.all(x, true)",
        "evidence.list.all(x, x)",
        "evidence.things.all(e, e.v == 1)",
        "evidence.things.exists(e, e.v == 2)",
        "evidence.things.map(e, e.v) == [1]",
        "{'a': 1, 'a': 2}.a == 1",
        "'a'.matches('b') == evidence.missing",
    ] {
        assert!(matches!(ask(expression, &document), Err(Fault::Wrong(_))), "{expression}");
    }
}

#[test]
fn what_is_not_known_or_not_finished_is_refused_with_its_place() {
    for (expression, told) in [
        ("", "character 1: expected a value"),
        ("evidance.n == 1", "character 1: unknown variable evidance, expected evidence"),
        ("true && foo(1)", "character 9: unknown function foo"),
        ("'a'.startWith('b')", "did you mean startsWith?"),
        ("now() > 1", "unknown function now"),
        ("http.get('x')", "unknown variable http"),
        ("evidence.n ==", "expected a value"),
        ("(1", "expected `)`"),
        ("1 2", "character 3: expected the end"),
        ("'abc", "no closing quote"),
        ("'a\nb'", "no closing quote"),
        ("'\\q'", "unknown escape"),
        ("1 & 2", "unexpected character '&'"),
        ("b'abc' == 'abc'", "unknown variable b"),
        ("9223372036854775808 > 0", "out of range"),
        ("1x", "a letter follows a number"),
        ("while", "reserved word"),
        ("has(evidence)", "expected has(VALUE.FIELD)"),
        ("evidence.list.all(evidence, true)", "evidence is the document"),
        ("'a'.matches(evidence.pattern)", "with the pattern as a literal"),
        ("'a'.matches('(')", "the pattern cannot be used"),
        ("contains('a', 'b')", "wrong arguments of contains"),
        ("'1'.int() == 1", "wrong arguments of int"),
        ("size() == 1", "wrong arguments of size"),
        ("[1].all(x, y > 1)", "unknown variable y, expected evidence, x"),
        ("é", "unexpected character"),
    ] {
        let wrong = refused(expression);
        assert!(wrong.contains(told), "{expression}: expected {told:?}, got {wrong:?}");
    }
}

#[test]
fn nesting_and_length_are_bounded_before_anything_is_evaluated() {
    for deep in [
        format!("{}true{}", "(".repeat(2000), ")".repeat(2000)),
        format!("{}true", "!".repeat(3000)),
        format!("{}1 < 0", "-".repeat(3000)),
        format!("{}1{} == 1", "[".repeat(2000), "]".repeat(2000)),
        format!("{}1{}", "{1:".repeat(1000), "}".repeat(1000)),
        format!("evidence{}", ".a".repeat(2000)),
        format!("evidence{}", "[0]".repeat(1000)),
        format!("1{}", "+1".repeat(2000)),
        format!("true{}", "?true:true".repeat(400)),
        format!("evidence{}", ".map(x,x)".repeat(400)),
        format!("1{}", "==1".repeat(1000)),
    ] {
        let wrong = refused(&deep);
        assert!(wrong.contains("deeper than 64"), "{}: {wrong}", deep.get(..20).unwrap());
    }
    assert!(refused(&" ".repeat(5000)).contains("4096"));
    assert!(
        refused("[1].all(a,[1].all(b,[1].all(c,[1].all(d,[1].all(e,true)))))").contains("more than 4 loops")
    );
    // Many operands of one operator are no nesting.
    assert_eq!(ask(&format!("true{}", " && true".repeat(400)), &json!({})), Ok(true));
}

/// Loops over large lists, texts and lists that double, structures that only look small, and patterns that backtracking would
/// not survive.
#[test]
fn whatever_an_expression_does_it_stops_after_its_steps() {
    let many: Vec<u32> = (0..50_000).collect();
    let document = json!({"many": many, "long": "a".repeat(1 << 20), "e": many.iter().map(|n| json!({"n": n})).collect::<Vec<_>>()});
    let doubled = |value: &str, step: &str| {
        let chain = format!("{value}{}", format!(".map(a, {step})").repeat(30));
        format!("{chain} == {chain}")
    };
    for hostile in [
        "evidence.many.all(a, evidence.many.all(b, a + b >= 0))".to_owned(),
        "evidence.many.map(a, evidence.many.map(b, evidence.many)) == []".to_owned(),
        "evidence.many.all(a, evidence.many == evidence.many)".to_owned(),
        "evidence.e.all(a, a in evidence.e)".to_owned(),
        "evidence.many.all(a, !evidence.long.contains('b'))".to_owned(),
        "evidence.many.all(a, evidence.long + evidence.long != '')".to_owned(),
        "evidence.many.all(a, evidence.long.size() > 0)".to_owned(),
        "evidence.many.all(a, evidence.long.matches('(a*)*b') || true)".to_owned(),
        "evidence.long.matches('(a|aa)+$')".to_owned(),
        "evidence.many.all(a, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'.matches('([a-z]{1,20}){1,20}b') || true)".to_owned(),
        // An error in a loop does not let it go on.
        "evidence.many.exists(a, evidence.many.exists(b, evidence.x)) || true".to_owned(),
        "evidence.many.all(a, evidence.many.all(b, evidence.many.all(c, evidence.many.all(d, true))))".to_owned(),
        doubled("['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa']", "a + a"),
        doubled("[[1]]", "a + a"),
        doubled("[1]", "[a, a]"),
        doubled("[1]", "{'x': a, 'y': a}"),
    ] {
        let began = Instant::now();
        assert_eq!(ask(&hostile, &document), Err(Fault::Stopped), "{hostile}");
        // Not a measurement: without the steps, each would take hours or all memory.
        assert!(began.elapsed().as_secs() < 60, "{hostile}");
        assert_eq!(ask(&hostile, &document), Err(Fault::Stopped), "it always stops at the same place");
    }
    assert!(refused("'a'.matches('((a{100}){100}){100}')").contains("the pattern cannot be used"));
    assert!(refused(&format!("'a'.matches('{}')", "(".repeat(1000))).contains("the pattern cannot be used"));
}

#[test]
fn a_usual_question_about_many_findings_is_answered() {
    let findings: Vec<Value> = (0..10_000)
        .map(|n| json!({"severity": "low", "id": format!("CVE-2026-{n}"), "fixedIn": []}))
        .collect();
    let document = json!({"findings": findings});
    let expression = "evidence.findings.all(f, f.severity != 'critical' || f.fixedIn.size() == 0)";
    assert_eq!(ask(expression, &document), Ok(true));
    assert_eq!(
        ask("!evidence.findings.exists(f, f.id in ['CVE-2026-1', 'CVE-2026-2'])", &document),
        Ok(false)
    );
}
