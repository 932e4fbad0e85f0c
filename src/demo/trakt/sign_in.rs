//! Signing in: device codes, authorisation codes, and tokens that run out and rotate.

use super::{TraktOptions, now};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

#[derive(Debug)]
struct DeviceCode {
    user_code: String,
    expires_at: i64,
    asked_at: Option<i64>,
    /// What the owner said.
    answer: Option<bool>,
    used: bool,
}

/// All that can be signed in with.
#[derive(Debug)]
pub(super) struct SignIns {
    life: i64,
    code_life: i64,
    interval: u64,
    codes: HashMap<String, DeviceCode>,
    authorisations: HashSet<String>,
    /// Access token to the time at which it runs out.
    access: HashMap<String, i64>,
    refresh: HashSet<String>,
    made: u64,
}

impl SignIns {
    pub(super) fn new(options: &TraktOptions) -> Self {
        Self {
            life: options.token_life,
            code_life: options.code_life,
            interval: options.interval,
            codes: HashMap::new(),
            authorisations: HashSet::new(),
            access: HashMap::new(),
            refresh: HashSet::new(),
            made: 0,
        }
    }

    fn number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Whether the token signs a request in.
    pub(super) fn admits(&self, token: &str) -> bool {
        self.access.get(token).is_some_and(|&until| now() < until)
    }

    pub(super) fn issue(&mut self, created_at: i64) -> (String, String) {
        let number = self.number();
        let (access, refresh) = (format!("sample-access-{number}"), format!("sample-refresh-{number}"));
        self.access.insert(access.clone(), created_at.saturating_add(self.life));
        self.refresh.insert(refresh.clone());
        (access, refresh)
    }

    pub(super) fn revoke(&mut self) {
        self.access.clear();
    }

    pub(super) fn authorisation_code(&mut self) -> String {
        let code = format!("sample-authorisation-{}", self.number());
        self.authorisations.insert(code.clone());
        code
    }

    pub(super) fn enter(&mut self, user_code: &str, agrees: bool) -> bool {
        let code = self.codes.values_mut().find(|code| code.user_code == user_code);
        code.is_some_and(|code| {
            code.answer = Some(agrees);
            true
        })
    }

    pub(super) fn device_code(&mut self, url: &str) -> Value {
        let number = self.number();
        let (device_code, user_code) = (format!("sample-device-{number}"), format!("SAMPLE{number:02}"));
        let expires_at = now().saturating_add(self.code_life);
        let code = DeviceCode { user_code: user_code.clone(), expires_at, asked_at: None, answer: None, used: false };
        self.codes.insert(device_code.clone(), code);
        json!({
            "device_code": device_code, "user_code": user_code, "verification_url": format!("{url}/activate"),
            "expires_in": self.code_life, "interval": self.interval,
        })
    }

    /// The answer to the question whether a code was entered.
    pub(super) fn device_token(&mut self, device_code: &str) -> (u16, Value) {
        let interval = i64::try_from(self.interval).unwrap_or(i64::MAX);
        let Some(code) = self.codes.get_mut(device_code) else { return (404, Value::Null) };
        let now = now();
        let early = code.asked_at.replace(now).is_some_and(|asked| now - asked < interval);
        match code.answer {
            _ if code.used => (409, Value::Null),
            _ if now >= code.expires_at => (410, Value::Null),
            _ if early => (429, Value::Null),
            None => (400, Value::Null),
            Some(false) => (418, Value::Null),
            Some(true) => {
                code.used = true;
                (200, self.tokens())
            }
        }
    }

    /// The answer to an authorisation code or a refresh token. Each is good for one use.
    pub(super) fn token(&mut self, body: &Value) -> (u16, Value) {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let good = match text("grant_type") {
            "authorization_code" => self.authorisations.remove(text("code")),
            "refresh_token" => self.refresh.remove(text("refresh_token")),
            _ => false,
        };
        if !good {
            let description = "The provided authorization grant is invalid, expired or revoked";
            return (400, json!({"error": "invalid_grant", "error_description": description}));
        }
        (200, self.tokens())
    }

    fn tokens(&mut self) -> Value {
        let created_at = now();
        let (access, refresh) = self.issue(created_at);
        json!({
            "access_token": access, "token_type": "bearer", "expires_in": self.life, "refresh_token": refresh,
            "scope": "public", "created_at": created_at,
        })
    }
}
