//! The database's name within a URL.

/// The same URL with another database: `postgres://u@h:1/a?x=y` → `…/b?x=y`.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (front, query) = url
        .split_once('?')
        .map_or((url, None), |(front, query)| (front, Some(query)));
    let authority = front.find("://").map_or(0, |at| at + 3);
    let end = front[authority..]
        .find('/')
        .map_or(front.len(), |at| authority + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{database}{query}", &front[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_changes() {
        let cases = [
            (
                "postgres://u:p@h:1/a?sslmode=require",
                "postgres://u:p@h:1/b?sslmode=require",
            ),
            ("postgres://u@h/a", "postgres://u@h/b"),
            ("postgresql://h", "postgresql://h/b"),
            ("postgres:///a?host=/run/x", "postgres:///b?host=/run/x"),
        ];
        for (url, expected) in cases {
            assert_eq!(with_database(url, "b"), expected);
        }
    }
}
