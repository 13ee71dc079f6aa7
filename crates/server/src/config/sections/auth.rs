//! Who may call: keys, tokens, roles.

use crate::config::access::{ApiKeys, EnvironmentAccess};
use crate::config::secret::Secret;
use crate::config::section::section;

/// The token secret of local development; refused wherever other machines can connect.
pub const DEV_AUTH_SECRET: &str = "local-development-token-secret-never-for-production";

/// SHA-256 of `sk_local_flexprice_test_key`, the key of local development; refused wherever other machines can connect.
pub const DEV_API_KEY_SHA256: &str = "0cfd568f22158887f8b77bc019fb245b1f14077b80936342b052985efa7de46c";

const DEV_API_KEYS: &str = concat!(
    r#"{"0cfd568f22158887f8b77bc019fb245b1f14077b80936342b052985efa7de46c":"#,
    r#"{"tenant_id":"00000000-0000-0000-0000-000000000000","user_id":"00000000-0000-0000-0000-000000000000","#,
    r#""name":"Local development key","is_active":true}}"#
);

section! {
    /// Authentication.
    Auth at "auth" used {
        provider: String = "flexprice", "`flexprice` = e-mail and password, `supabase` = tokens of a Supabase project" [one_of(&["flexprice", "supabase"]), planned()];
        secret: Secret = DEV_AUTH_SECRET, "HS256 key of every token; at least 32 random bytes";
    }
    with { api_key: AuthApiKey, supabase: AuthSupabase, saml: AuthSaml }
}

section! {
    /// API keys.
    AuthApiKey at "auth.api_key" used {
        header: String = "x-api-key", "header that carries API keys";
        keys: ApiKeys = DEV_API_KEYS, "map of sha256-hex(key) to {tenant_id, user_id, name, is_active}; the variable holds JSON and replaces the whole map";
    }
}

section! {
    /// A Supabase project.
    AuthSupabase at "auth.supabase" planned {
        base_url: String = "", "address of the project";
        service_key: Secret = "", "service key of the project";
    }
}

section! {
    /// Single sign-on.
    AuthSaml at "auth.saml" planned {
        enabled: bool = "false", "mounts the SAML routes";
        base_url: String = "http://localhost:8080", "public address of this server; https except on loopback";
        dashboard_url: String = "http://localhost:3000/auth/callback", "where the browser lands with its token; https except on loopback";
    }
}

section! {
    /// Roles.
    Rbac at "rbac" planned {
        roles_config_path: String = "", "JSON file of roles; empty = the built-in five";
    }
}

section! {
    /// Restriction of users to environments.
    AccessList at "env_access" planned {
        user_env_mapping: EnvironmentAccess = "{}", "JSON: tenant to user to list of environments; who is not listed may enter all" [odd_env("FLEXPRICE_USER_ENV_MAPPING")];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_map_holds_the_development_key_only() {
        let map: serde_json::Value = serde_json::from_str(DEV_API_KEYS).expect("json");
        let names: Vec<&String> = map.as_object().expect("object").keys().collect();
        assert_eq!(names, [DEV_API_KEY_SHA256]);
    }
}
