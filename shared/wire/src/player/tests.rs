use super::*;

fn command(text: &str) -> Result<PtzCommand, Vec<String>> {
    let asked: Move = serde_json::from_str(text).unwrap();
    asked.command().map_err(|faults| faults.into_iter().map(|fault| fault.field).collect())
}

#[test]
fn a_movement_is_one_of_its_kinds_and_within_its_bounds() {
    let right = PtzCommand::Continuous { pan: 0.5, tilt: 0.0, zoom: 0.0, for_ms: 1_000 };
    assert_eq!(command(r#"{"continuous":{"pan":0.5}}"#), Ok(right));
    assert_eq!(command(r#"{"stop":true}"#), Ok(PtzCommand::Stop));
    assert_eq!(command(r#"{"go_to":"7"}"#), Ok(PtzCommand::GoTo { preset: "7".into() }));
    let there = PtzCommand::Absolute { pan: -1.0, tilt: 1.0, zoom: 0.25 };
    assert_eq!(command(r#"{"absolute":{"pan":-1,"tilt":1,"zoom":0.25}}"#), Ok(there));
    let bad = [
        (r"{}", vec![""]),
        (r#"{"stop":true,"go_to":"7"}"#, vec![""]),
        (r#"{"stop":false}"#, vec!["stop"]),
        (r#"{"continuous":{"pan":1.5,"for_ms":60000}}"#, vec!["continuous.pan", "continuous.for_ms"]),
        (r#"{"absolute":{"zoom":-0.5}}"#, vec!["absolute.zoom"]),
        (r#"{"go_to":""}"#, vec!["go_to"]),
    ];
    for (text, fields) in bad {
        assert_eq!(command(text), Err(fields.into_iter().map(str::to_owned).collect()), "{text}");
    }
}

#[test]
fn a_message_is_a_number_and_a_move_and_nothing_else() {
    let asked = read(r#" {"id":7,"ptz":{"stop":true}} "#).unwrap();
    assert_eq!(asked, Asked { id: 7, command: PtzCommand::Stop });
    let long = format!(r#"{{"id":7,"ptz":{{"go_to":"{}"}}}}"#, "x".repeat(LONGEST));
    for (text, id, code) in [
        ("", None, "json-malformed"),
        ("[7,{\"stop\":true}]", None, "json-malformed"),
        ("{\"id\":7,\"ptz\":", None, "json-malformed"),
        (r#"{"id":7}"#, Some(7), "validation-failed"),
        (r#"{"id":-7,"ptz":{"stop":true}}"#, None, "validation-failed"),
        (r#"{"id":7,"ptz":{"stop":true},"by":"me"}"#, Some(7), "validation-failed"),
        (r#"{"id":7,"ptz":{"stop":true,"now":1}}"#, Some(7), "validation-failed"),
        (r#"{"id":7,"ptz":{"stop":true,"go_to":"1"}}"#, Some(7), "validation-failed"),
        (long.as_str(), None, "body-too-large"),
    ] {
        let unread = read(text).expect_err(text);
        assert_eq!((unread.id, unread.refusal.code.as_str()), (id, code), "{text}");
    }
    let unread = read(r#"{"id":7,"ptz":{"continuous":{"tilt":9}}}"#).unwrap_err();
    assert_eq!(unread.refusal.errors[0].field, "ptz.continuous.tilt");
    assert_eq!(unread.refusal.detail, "ptz.continuous.tilt: -1 to 1");
}

#[test]
fn an_answer_says_whose_it_is_and_that_it_is_done_or_why_not() {
    assert_eq!(answer(Some(7), None), r#"{"id":7,"ok":true}"#);
    let refusal = Refusal::new(409, "device-offline", "it is away".to_owned());
    let told = r#"{"id":null,"problem":{"type":"device-offline","title":"Conflict","status":409,"detail":"it is away"}}"#;
    assert_eq!(answer(None, Some(&refusal)), told);
}
