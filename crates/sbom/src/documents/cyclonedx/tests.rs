//! Valid documents that a reader could refuse or misread.

use crate::documents::read_whole;
use crate::documents::stated::Stated;

fn stated(text: &str) -> Stated {
    read_whole(text.as_bytes(), &plimsoll_core::Limits::default()).unwrap().stated
}

fn json(metadata: &str) -> Stated {
    stated(&format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{{{metadata}}},"components":[]}}"#
    ))
}

fn xml(metadata: &str) -> Stated {
    stated(&format!(
        "<bom xmlns='http://cyclonedx.org/schema/bom/1.6'><metadata>{metadata}</metadata><components/></bom>"
    ))
}

#[test]
fn a_document_may_have_the_old_and_the_new_name_of_the_manufacturer() {
    let old = r#""manufacture":{"name":"Old"}"#;
    let new = r#""manufacturer":{"name":"New"}"#;
    assert_eq!(json(&format!("{old},{new}")).authors, ["New", "Old"]);
    assert_eq!(json(old).authors, ["Old"]);
    assert_eq!(json(new).authors, ["New"]);
    let same = r#""manufacture":{"name":"New"}"#;
    assert_eq!(json(&format!("{same},{new}")).authors, ["New"]);
    let (old, new) =
        ("<manufacture><name>Old</name></manufacture>", "<manufacturer><name>New</name></manufacturer>");
    assert_eq!(xml(&format!("{old}{new}")).authors, ["New", "Old"]);
    assert_eq!(xml(old).authors, ["Old"]);
}

#[test]
fn a_list_of_empty_values_names_no_tool_and_no_phase() {
    for empty in
        ["null", "[]", "{}", r#"{"components":[]}"#, r#"{"components":null}"#, "[{}]", r#"[{"name":""}]"#]
    {
        let stated = json(&format!(r#""tools":{empty},"lifecycles":{empty}"#));
        assert_eq!((stated.names_tool, stated.names_phase), (false, false), "{empty}");
    }
    let stated = json(
        r#""tools":{"components":[{"type":"application","name":"t"}]},"lifecycles":[{"phase":"build"}]"#,
    );
    assert_eq!((stated.names_tool, stated.names_phase), (true, true));
    assert!(json(r#""tools":[{"vendor":"v","name":"t"}]"#).names_tool);
    for empty in
        ["", "<tools/><lifecycles/>", "<tools><components/></tools><lifecycles><lifecycle/></lifecycles>"]
    {
        let stated = xml(empty);
        assert_eq!((stated.names_tool, stated.names_phase), (false, false), "{empty}");
    }
    let stated = xml(
        "<tools><tool><name>t</name></tool></tools><lifecycles><lifecycle><phase>build</phase></lifecycle></lifecycles>",
    );
    assert_eq!((stated.names_tool, stated.names_phase), (true, true));
    assert!(
        xml(
            "<tools><components><component type='application'><name>t</name></component></components></tools>"
        )
        .names_tool
    );
}
