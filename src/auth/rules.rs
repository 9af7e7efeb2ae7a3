//! What a token must contain, and how its claims map to ours. The rules apply to every token,
//! whoever signed it.
//!
//! jsonwebtoken verifies the signature and checks `aud` and `iss`, which it requires only if told
//! to. Times are checked here, because tests move the clock.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Validation};
use serde_json::{Map, Value};

use super::{Claims, LONGEST_SUBJECT, Role};
use crate::{
    config::{Config, DefaultRole},
    error::{Error, Result},
    text,
};

/// One answer for every kind of forgery, so that it reveals nothing.
pub const INVALID: Error = Error::Unauthenticated("the token is not valid");
/// A longer leeway would be a mistake: tokens live for minutes.
const LONGEST_LEEWAY_SECONDS: u64 = 300;
const ROLES: [(&str, Role); 3] =
    [("user", Role::User), ("service", Role::Service), ("admin", Role::Admin)];

pub struct Rules {
    issuer: Option<String>,
    audience: String,
    /// Seconds.
    leeway: i64,
    user: Claim,
    role: Claim,
    /// The values of the role claim and their meanings. Other values have no meaning.
    roles: Vec<(String, Role)>,
    default_role: Option<Role>,
}

/// Where a claim is: its name, preceded by the names of the objects around it, if any.
struct Claim(Vec<String>);

/// The contents of a verified token. Its times are checked on every use.
#[derive(Clone)]
pub struct Proved {
    claims: Claims,
    /// Not valid before this time, in seconds since 1970.
    from: i64,
}

impl Rules {
    pub fn new(config: &Config) -> Result<Self> {
        if config.auth_audience.is_empty() {
            return Err(Error::invalid("auth_audience", "must not be empty"));
        }
        if config.auth_leeway.as_secs() > LONGEST_LEEWAY_SECONDS {
            return Err(Error::invalid(
                "auth_leeway",
                format!("must be at most {LONGEST_LEEWAY_SECONDS}s"),
            ));
        }
        let roles = match config.auth_role_values.is_empty() {
            true => ROLES.map(|(name, role)| (name.to_owned(), role)).to_vec(),
            false => {
                config.auth_role_values.iter().map(|value| meaning(value)).collect::<Result<_>>()?
            }
        };
        Ok(Rules {
            issuer: config.auth_issuer.clone(),
            audience: config.auth_audience.clone(),
            leeway: config.auth_leeway.as_secs().cast_signed(),
            user: Claim::at("auth_user_claim", &config.auth_user_claim)?,
            role: Claim::at("auth_role_claim", &config.auth_role_claim)?,
            roles,
            default_role: config.auth_default_role.map(|DefaultRole::User| Role::User),
        })
    }

    /// What jsonwebtoken must check, for a single algorithm: given a list, it would let the token
    /// choose.
    pub fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        validation
    }

    /// None if a required claim is missing or has the wrong type.
    pub fn read(&self, token: &Value) -> Option<Proved> {
        let sub = match self.user.of(token)? {
            Value::String(text) => text.clone(),
            Value::Number(id) if id.is_i64() || id.is_u64() => id.to_string(),
            _ => return None,
        };
        text::check_id("sub", &sub, LONGEST_SUBJECT).ok()?;
        let exp = seconds(token.get("exp")?)?.saturating_add(self.leeway);
        let from = match token.get("nbf") {
            Some(time) => seconds(time)?.saturating_sub(self.leeway),
            None => i64::MIN,
        };
        Some(Proved { claims: Claims { sub, role: self.role(token)?, exp }, from })
    }

    /// The most powerful role that the token names; the default role if it names none that has a
    /// meaning.
    fn role(&self, token: &Value) -> Option<Role> {
        let said = match self.role.of(token) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(many)) => many.as_slice(),
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            Some(_) => return None,
        };
        let means = |said: &Value| {
            let known = self.roles.iter().find(|(value, _)| said.as_str() == Some(value));
            known.map(|(_, role)| *role)
        };
        said.iter().filter_map(means).max().or(self.default_role)
    }

    /// The claims of a token, if these rules accept it.
    pub fn write(&self, claims: &Claims) -> Result<Value> {
        let named = self.roles.iter().find(|(_, role)| *role == claims.role);
        let (value, _) = named
            .ok_or_else(|| Error::invalid("auth_role_values", "has no value for this role"))?;
        let mut token = Map::new();
        self.user.put(&mut token, &claims.sub)?;
        self.role.put(&mut token, value)?;
        token.insert("exp".into(), claims.exp.into());
        token.insert("aud".into(), self.audience.as_str().into());
        token.extend(self.issuer.as_deref().map(|issuer| ("iss".to_owned(), issuer.into())));
        Ok(token.into())
    }
}

impl Proved {
    /// The claims, if the token is valid at this time.
    pub fn at(&self, now: DateTime<Utc>) -> Result<Claims> {
        match now.timestamp() {
            now if now < self.from => Err(INVALID),
            now if now >= self.claims.exp => Err(Error::TokenExpired),
            _ => Ok(self.claims.clone()),
        }
    }
}

impl Claim {
    /// `https://example.com/role` is a name; `/realm_access/roles` is a path, written as a JSON
    /// Pointer.
    fn at(setting: &str, claim: &str) -> Result<Self> {
        let path = match claim.strip_prefix('/') {
            Some(path) => {
                path.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect()
            }
            None => vec![claim.to_owned()],
        };
        match path.iter().any(String::is_empty) {
            true => Err(Error::invalid(
                setting,
                "must be the name of a claim, or a path such as /realm_access/roles",
            )),
            false => Ok(Claim(path)),
        }
    }

    fn of<'a>(&self, token: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(token, |value, name| value.get(name))
    }

    fn put(&self, token: &mut Map<String, Value>, text: &str) -> Result<()> {
        let mut place = token;
        let (name, around) =
            self.0.split_last().ok_or_else(|| Error::internal("a claim without a name"))?;
        for name in around {
            let inner = place.entry(name).or_insert_with(|| Map::new().into());
            let taken = || Error::invalid("auth_role_claim", "is inside the claim of the user");
            place = inner.as_object_mut().ok_or_else(taken)?;
        }
        place.insert(name.clone(), text.into());
        Ok(())
    }
}

/// Parses `editor=user`. The host's name may itself contain `=`.
fn meaning(value: &str) -> Result<(String, Role)> {
    let known = value.rsplit_once('=').and_then(|(said, means)| {
        let (_, role) = ROLES.into_iter().find(|(name, _)| *name == means.trim())?;
        Some((said.trim().to_owned(), role))
    });
    known.ok_or_else(|| {
        Error::invalid(
            "auth_role_values",
            "must look like editor=user; the roles are user, service and admin",
        )
    })
}

/// Seconds since 1970, possibly with a fraction (RFC 7519, section 2). Values out of range become
/// the earliest or latest time.
fn seconds(time: &Value) -> Option<i64> {
    time.as_i64().or_else(|| time.as_f64().map(|seconds| seconds as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(set: impl FnOnce(&mut Config)) -> Rules {
        let mut config = Config::default();
        set(&mut config);
        Rules::new(&config).unwrap()
    }

    fn role(rules: &Rules, said: Value) -> Option<Role> {
        rules
            .read(&json!({"sub": "alice", "exp": 1, "role": said}))
            .map(|proved| proved.claims.role)
    }

    #[test]
    fn the_strongest_role_that_means_something_counts() {
        let ours = rules(|_| {});
        assert_eq!(role(&ours, json!("admin")), Some(Role::Admin));
        assert_eq!(role(&ours, json!(["user", "offline", "service"])), Some(Role::Service));
        for nothing in
            [json!("Admin"), json!(""), json!([]), json!(null), json!(3), json!({"admin": true})]
        {
            assert_eq!(role(&ours, nothing), None);
        }
    }

    /// The host's admins are not admins here unless the configuration says so.
    #[test]
    fn where_values_are_mapped_no_others_mean_anything() {
        let mapped = rules(|config| {
            config.auth_role_values = vec!["editor=user".into(), "a=b = admin".into()]
        });
        assert_eq!(role(&mapped, json!("editor")), Some(Role::User));
        assert_eq!(role(&mapped, json!("a=b")), Some(Role::Admin));
        assert_eq!(role(&mapped, json!("admin")), None);
    }

    #[test]
    fn a_default_role_is_for_tokens_that_say_nothing_else() {
        let rules = rules(|config| config.auth_default_role = Some(DefaultRole::User));
        assert_eq!(role(&rules, json!(null)), Some(Role::User));
        assert_eq!(role(&rules, json!(["offline"])), Some(Role::User));
        assert_eq!(role(&rules, json!("service")), Some(Role::Service));
        assert_eq!(role(&rules, json!(7)), None);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let rules = rules(|config| {
            config.auth_user_claim = "/user/a~1b".into();
            config.auth_role_claim = "https://example.com/role".into();
            config.auth_role_values = vec!["editor=user".into(), "root=admin".into()];
        });
        let claims = Claims { sub: "alice".into(), role: Role::Admin, exp: 7 };
        let token = rules.write(&claims).unwrap();
        assert_eq!(token["user"]["a/b"], "alice");
        assert_eq!(token["https://example.com/role"], "root");
        assert_eq!(rules.read(&token).unwrap().claims, claims);
        assert!(rules.write(&Claims { role: Role::Service, ..claims }).is_err());
    }

    #[test]
    fn times_are_whole_or_not_and_never_overflow() {
        let rules = rules(|config| config.auth_leeway = std::time::Duration::from_secs(60));
        let exp = |time: Value| {
            let proved = rules.read(&json!({"sub": "alice", "role": "user", "exp": time}));
            proved.map(|proved| proved.claims.exp)
        };
        assert_eq!(exp(json!(100.9)), Some(160));
        for end in [json!(i64::MAX), json!(u64::MAX), json!(1e300)] {
            assert_eq!(exp(end), Some(i64::MAX));
        }
        assert_eq!(exp(json!("100")), None);
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let refused = |set: fn(&mut Config)| {
            let mut config = Config::default();
            set(&mut config);
            assert!(Rules::new(&config).is_err());
        };
        refused(|config| config.auth_audience = String::new());
        refused(|config| config.auth_user_claim = String::new());
        refused(|config| config.auth_role_claim = "/realm_access/".into());
        refused(|config| config.auth_role_values = vec!["editor".into()]);
        refused(|config| config.auth_role_values = vec!["editor=owner".into()]);
        refused(|config| config.auth_leeway = std::time::Duration::from_secs(3_600));
    }
}
