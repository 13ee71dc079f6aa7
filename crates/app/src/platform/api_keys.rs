//! API keys: made, listed, taken away. The key itself is shown once (spec 60 §6).

use domain::ids::SecretId;
use domain::invalid::{require_field, require_text};
use domain::platform::{ActivityAction, EntityType};
use domain::scope::Status;
use domain::time::{Clock, Timestamp};
use rand::Rng as _;
use storage::records::{Secret, SecretType};

use super::authenticate::{hex, key_hash};
use crate::change::{Entity, Remembered};
use crate::{App, Context, Error, Pending, Result};

impl Entity for Secret {
    const TYPE: EntityType = EntityType::Secret;
    const NAME: &'static str = "API key";
    const HIDDEN: &'static [&'static str] = &["value_hash"];

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn remembered(&self, action: ActivityAction) -> Option<Remembered> {
        (action != ActivityAction::Created).then(|| Remembered::Key(self.value_hash.clone()))
    }
}

/// A private key that is wished for.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Display name.
    pub name: String,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct NewSecret {
    /// What is kept of it.
    pub secret: Secret,
    /// The key, shown this once.
    pub api_key: String,
}

/// Random bytes of a key's body: 256 bits, where a ULID has 80 (spec 60 §6, "do better").
const KEY_BYTES: usize = 32;

impl App {
    /// Makes a key that works in the caller's environment.
    pub async fn create_api_key(&self, context: &Context, new: NewApiKey) -> Result<Pending<NewSecret>> {
        require_text(&new.name, "name")?;
        let now = self.clocks().system_now();
        require_field(new.expires_at.is_none_or(|at| at > now), "expires_at", "expires_at must lie in the future")?;
        let mut body = [0_u8; KEY_BYTES];
        rand::rng().fill_bytes(&mut body);
        let api_key = format!("sk_{}", hex(&body));
        let secret = Secret {
            id: SecretId::new(self.ids()),
            name: new.name,
            kind: SecretType::PrivateKey,
            value_hash: key_hash(&api_key),
            display_id: display_id(&api_key),
            user_id: context.user_id.clone(),
            user_type: context.actor.kind.to_string(),
            roles: context.actor.roles.to_vec(),
            expires_at: new.expires_at,
            audit: self.audit(context),
        };
        let mut change = self.begin(context).await?;
        change.create(&secret).await?;
        Ok(change.done(NewSecret { secret, api_key }))
    }

    /// Takes a key away, at once.
    pub async fn delete_api_key(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let secret: Secret = change.require(id).await?;
        if secret.audit.status != Status::Published {
            return Err(Error::not_found(Secret::NAME, id));
        }
        change.delete(&secret).await?;
        Ok(change.done(()))
    }
}

/// What a list shows of a key: the first five characters, `***`, the last two.
fn display_id(key: &str) -> String {
    let first: String = key.chars().take(5).collect();
    let last = &key[key.len().saturating_sub(2)..];
    format!("{first}***{last}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_list_shows_the_ends_of_a_key() {
        assert_eq!(super::display_id("sk_01JQ4M8Z7K2V9T3W5X6Y7Z8A9B"), "sk_01***9B");
    }
}
