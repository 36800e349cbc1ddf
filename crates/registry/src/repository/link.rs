//! `Link: <…>; rel="next"`: where a list continues (RFC 8288, as far as registries use it).

use plimsoll_http::{HeaderMap, header};

/// The target of the first link whose relation is `next`, not resolved and not checked.
pub(super) fn next(headers: &HeaderMap) -> Option<&str> {
    headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_in)
}

fn next_in(value: &str) -> Option<&str> {
    let mut rest = value;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, parameters) = after.split_once('>')?;
        // The next link starts at the next `<`; parameters of registries do not contain it.
        let (own, following) = parameters.split_once('<').unwrap_or((parameters, ""));
        let is_next = own.split([';', ',']).any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, relation)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && relation.trim().trim_matches('"').split(' ').any(|r| r.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        if following.is_empty() {
            return None;
        }
        rest = parameters.get(own.len()..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::next_in;

    #[test]
    fn finds_the_next_page() {
        assert_eq!(next_in(r#"</v2/a?n=1>; rel="next""#), Some("/v2/a?n=1"));
        assert_eq!(next_in("</x>;rel=next"), Some("/x"));
        assert_eq!(
            next_in(r#"</a>; rel="prev", <https://r.example/b>; title="t"; rel="last next""#),
            Some("https://r.example/b")
        );
        for none in
            ["", "<", "</a>", r#"</a>; rel="prev""#, r#"rel="next""#, "</a>; rel=nextt", "</a; rel=next"]
        {
            assert_eq!(next_in(none), None, "{none}");
        }
    }
}
