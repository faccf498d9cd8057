//! Access tokens. Source: RFC 7519; livekit protocol/auth.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

/// A key pair of the server's.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Its name.
    pub key: String,
    /// Its secret.
    pub secret: String,
}

impl Keys {
    /// A token to join a room, valid for an hour.
    pub fn token(&self, room: &str, identity: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let claims = json!({
            "iss": self.key,
            "sub": identity,
            "nbf": now.saturating_sub(60),
            "exp": now + 3_600,
            "video": { "roomJoin": true, "room": room },
        });
        let header = BASE64URL_NOPAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
        let body = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.to_string().as_bytes()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = hmac::sign(&key, body.as_bytes());
        format!("{body}.{}", BASE64URL_NOPAD.encode(tag.as_ref()))
    }
}
