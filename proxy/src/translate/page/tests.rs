//! Pages whole and in pieces, held against what is picked out of a whole answer.

use proptest::prelude::*;

use super::*;

/// Keeps the rows as they came.
#[derive(Debug, Default, PartialEq)]
struct Kept(Vec<String>);

impl TakesRows for Kept {
    fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error> {
        let row = scan.value().map_err(|stop| scan.error(stop))?;
        self.0.push(row.to_owned());
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), Error> {
        self.0.clear();
        Ok(())
    }
}

const FORM: PageForm = PageForm {
    rows: &["results"],
    next: Some(&["paging", "next", "after"]),
    more: Some(&["paging", "next"]),
    id: Some(&["id"]),
    size: 3,
};

const DEEP: PageForm = PageForm {
    rows: &["data", "rows"],
    next: Some(&["data", "next"]),
    more: None,
    id: None,
    size: usize::MAX,
};

fn whole(form: PageForm, body: &str) -> Result<(Vec<String>, PageSaid), Error> {
    let mut kept = Kept::default();
    let said = PageReader::whole(form, body.as_bytes(), &mut kept)?;
    Ok((kept.0, said))
}

fn in_pieces(form: PageForm, body: &[u8], size: usize) -> Result<(Vec<String>, PageSaid), Error> {
    let mut kept = Kept::default();
    let mut pieces = Pieces::new(form);
    for piece in body.chunks(size.max(1)) {
        pieces.feed(piece, &mut kept)?;
    }
    let said = pieces.end(&mut kept)?;
    Ok((kept.0, said))
}

fn said(token: Option<&str>, more: bool, last: Option<&str>) -> PageSaid {
    PageSaid {
        token: token.map(str::to_owned),
        more,
        last: last.map(str::to_owned),
    }
}

#[test]
fn rows_token_mark_and_last_id_come_out_of_one_pass() {
    let body = r#" {"a":[1,{"results":2}],"results": [ {"id":"1"} , null,{"id":2}],
        "paging":{"x":{},"next":{"after":"1\u0037"}}} "#;
    let (rows, page) = whole(FORM, body).unwrap();
    assert_eq!(rows, [r#"{"id":"1"}"#, r#"{"id":2}"#]);
    assert_eq!(page, said(Some("17"), true, Some("2")));
}

#[test]
fn rows_beyond_the_page_are_cut_and_say_that_there_are_more() {
    let body = r#"{"results":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"},7]}"#;
    let (rows, page) = whole(FORM, body).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(page, said(None, true, Some("c")));
    let body = r#"{"results":[{"id":"a"},null,{"id":"b"},{"id":"c"},null]}"#;
    assert_eq!(whole(FORM, body).unwrap().1, said(None, false, Some("c")));
}

#[test]
fn the_last_of_a_list_that_is_given_twice_counts() {
    let body = r#"{"results":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}],"paging":{"next":{"after":"1"}},
        "r\u0065sults":[{"id":"e"}],"paging":{}}"#;
    let (rows, page) = whole(FORM, body).unwrap();
    assert_eq!(rows, [r#"{"id":"e"}"#]);
    assert_eq!(page, said(None, false, Some("e")));
    assert_eq!(
        whole(FORM, r#"{"results":[{"id":"a"}],"results":null}"#).unwrap(),
        (Vec::new(), PageSaid::default())
    );
    let twice = r#"{"data":{"rows":[1,2],"next":"x"},"data":{"next":"y","rows":[3]}}"#;
    let (rows, page) = whole(DEEP, twice).unwrap();
    assert_eq!(
        (rows, page),
        (vec!["3".to_owned()], said(Some("y"), false, None))
    );
    assert!(whole(DEEP, r#"{"data":{"rows":[1]},"data":{}}"#).is_err());
    assert!(whole(DEEP, r#"{"data":{"rows":[1]},"data":null}"#).is_err());
}

#[test]
fn an_answer_without_rows_is_refused() {
    let error = whole(FORM, r#"{"reslts":[]}"#).unwrap_err();
    assert!(
        error.message.contains("it has no `results`"),
        "{}",
        error.message
    );
    for body in [
        "",
        "[]",
        "7",
        "null",
        r#"{"results":[}"#,
        r#"{"results":[]"#,
        r#"{"results":{}}"#,
        r#"{"results":7}"#,
        r#"{"results":[]} x"#,
        r#"{"results":[],}"#,
        r#"{"results":[{"id":{}}]}"#,
    ] {
        assert!(whole(FORM, body).is_err(), "{body}");
        assert!(in_pieces(FORM, body.as_bytes(), 1).is_err(), "{body}");
    }
    assert_eq!(whole(FORM, r#"{"results":null}"#).unwrap().0.len(), 0);
}

#[test]
fn an_answer_may_be_the_list_itself() {
    let form = PageForm {
        rows: &[],
        next: None,
        more: None,
        ..FORM
    };
    assert_eq!(
        whole(form, " [{},null, {\"id\":4}] ")
            .unwrap()
            .1
            .last
            .as_deref(),
        Some("4")
    );
    for body in ["null", "{}", "[", "[] []"] {
        assert!(whole(form, body).is_err(), "{body}");
    }
}

#[test]
fn a_row_that_comes_in_many_pieces_is_not_read_for_each() {
    struct Counts(usize);
    impl TakesRows for Counts {
        fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error> {
            self.0 += 1;
            scan.pass().map_err(|stop| scan.error(stop))
        }
        fn take_back(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }
    let body = format!(r#"{{"results":[{{"id":"{}"}}]}}"#, "x".repeat(1 << 20));
    let mut rows = Counts(0);
    let mut pieces = Pieces::new(FORM);
    for piece in body.as_bytes().chunks(1000) {
        pieces.feed(piece, &mut rows).unwrap();
    }
    pieces.end(&mut rows).unwrap();
    assert!(rows.0 < 15, "{}", rows.0);
}

proptest! {
    #[test]
    fn a_page_in_pieces_is_the_page(
        rows in prop::collection::vec("(null|\\{\"id\":\"[a-zé😀]{0,9}\"\\}| \\{\"id\" : [0-9]\\} |\\{\"id\":null,\"x\":[1,\\{\\}]\\})", 0..8),
        token in proptest::option::of("[0-9a-f]{1,9}"),
        is_first: bool,
        wrong in proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
        size in 1..40usize,
    ) {
        let next = token.map_or("\"x\":1".to_owned(), |token| format!(r#""paging":{{"next":{{"after":"{token}"}}}}"#));
        let list = format!("\"results\":[{}]", rows.join(","));
        let body = if is_first { format!("{{{next},{list}}}") } else { format!("{{{list} , {next}}}") };
        let mut body = body.into_bytes();
        if let Some((at, byte)) = wrong {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let mut kept = Kept::default();
        let form = PageForm { size: usize::MAX, ..FORM };
        let whole = PageReader::whole(form, &body, &mut kept);
        let pieces = in_pieces(form, &body, size);
        let picked = pick::page(&body, &["results"], FORM.next, FORM.more);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let (Ok(said), Ok(pieces)) = (whole, pieces) {
            let parts = picked.unwrap();
            let rows: Vec<&str> = parts.rows.iter().copied().flatten().collect();
            prop_assert_eq!(&kept.0, &rows);
            prop_assert_eq!(said.more, parts.more.is_some());
            let last = rows.last().and_then(|row| pick::text_at(row.as_bytes(), &["id"]).unwrap());
            prop_assert_eq!(said.last.as_deref(), last.as_deref());
            prop_assert_eq!((kept.0, said), pieces);
        }
    }
}
