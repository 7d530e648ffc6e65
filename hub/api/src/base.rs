use axum::http::{Extensions, HeaderMap, Uri, header};

/// Marks requests that came over TLS; the assembly adds it to what its TLS listener serves.
#[derive(Debug, Clone, Copy)]
pub struct OverTls;

/// Whether a request came over TLS. HTTP/2 says so itself.
pub(crate) fn is_secure(uri: &Uri, extensions: &Extensions) -> bool {
    extensions.get::<OverTls>().is_some() || uri.scheme_str() == Some("https")
}

/// `scheme://host[:port]` as the caller reached this hub; what it is answered begins with it.
pub(crate) fn base(uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> String {
    let named = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or(named).unwrap_or("localhost");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let host = if host.chars().all(plain) { host } else { "localhost" };
    let scheme = if is_secure(uri, extensions) { "https" } else { "http" };
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_how_the_caller_came() {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        headers.insert(header::HOST, "hub.example:8443".parse().unwrap());
        let path = Uri::from_static("/api/v1/play");
        assert_eq!(base(&path, &headers, &extensions), "http://hub.example:8443");
        extensions.insert(OverTls);
        assert_eq!(base(&path, &headers, &extensions), "https://hub.example:8443");
        let h2 = Uri::from_static("https://[::1]:8443/api/v1/play");
        assert_eq!(base(&h2, &HeaderMap::new(), &Extensions::new()), "https://[::1]:8443");
        headers.insert(header::HOST, "user@evil/".parse().unwrap());
        assert_eq!(base(&path, &headers, &extensions), "https://localhost");
    }
}
