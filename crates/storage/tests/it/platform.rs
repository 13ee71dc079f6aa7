//! What is read before a scope is known: keys and environments.

use domain::scope::{Scope, Status};
use storage::Database;
use storage::records::{Environment, EnvironmentType, Secret, SecretType};

use crate::fixtures::{at, audit_in, begin, neighbours, scope, store};

contract!(a_key_is_found_by_its_hash_in_any_scope, a_hash_belongs_to_one_key, published_environments_of_all_tenants_are_listed);

fn secret(scope: &Scope, id: &str, hash: &str) -> Secret {
    Secret {
        id: id.into(),
        name: "key".into(),
        kind: SecretType::PrivateKey,
        value_hash: hash.into(),
        display_id: "sk_ab***yz".into(),
        user_id: "user_1".into(),
        user_type: "user".into(),
        roles: vec!["admin".into(), "reader".into()],
        expires_at: Some(at(60)),
        audit: audit_in(scope, 0),
    }
}

async fn a_key_is_found_by_its_hash_in_any_scope(database: &Database) {
    let [_, other] = neighbours();
    store(database, &[secret(&scope(), "secret_1", "aa"), secret(&other, "secret_1", "bb")]).await;
    let find = async |hash: &str| storage::secret_by_hash(&mut database.clone(), hash).await.expect("read");
    assert_eq!(find("aa").await, Some(secret(&scope(), "secret_1", "aa")));
    assert_eq!(find("bb").await, Some(secret(&other, "secret_1", "bb")));
    assert_eq!(find("cc").await, None);
    assert_eq!(find("").await, None);
}

async fn a_hash_belongs_to_one_key(database: &Database) {
    let [_, other] = neighbours();
    store(database, &[secret(&scope(), "secret_1", "aa")]).await;
    let mut work = begin(database).await;
    let second = storage::insert(&mut work, &secret(&other, "secret_2", "aa")).await;
    assert!(matches!(second, Err(storage::StoreError::Conflict(_))), "{second:?}");
}

async fn published_environments_of_all_tenants_are_listed(database: &Database) {
    let environment = |scope: &Scope, status: Status| {
        let mut audit = audit_in(scope, 0);
        audit.status = status;
        Environment { id: scope.environment_id.clone(), name: "Sandbox".into(), kind: EnvironmentType::Development, audit }
    };
    let [archived, other] = neighbours();
    let written =
        [environment(&scope(), Status::Published), environment(&archived, Status::Archived), environment(&other, Status::Published)];
    store(database, &written).await;
    let mut read = storage::all_environments(&mut database.clone()).await.expect("read");
    read.sort_by(|a, b| b.audit.scope.cmp(&a.audit.scope));
    assert_eq!(read, [written[0].clone(), written[2].clone()]);
}
