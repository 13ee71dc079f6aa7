//! Roles and what they grant (spec 60 §2.4).

use std::sync::Arc;

use super::EntityType;

/// What is done to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Looking at it.
    Read,
    /// Making, changing or removing it.
    Write,
}

text_enum!(Action { Read = "read", Write = "write" });

/// What kind of caller acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ActorKind {
    /// A person, by a key or a token of theirs.
    #[default]
    User,
    /// A program with an account of its own.
    ServiceAccount,
    /// The system itself: due work.
    System,
}

text_enum!(ActorKind { User = "user", ServiceAccount = "service_account", System = "system" });

/// A bundle of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// As users and keys name it.
    pub id: &'static str,
    /// Display name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// The one kind of thing it grants; all without.
    pub entity: Option<EntityType>,
    /// What it grants on it.
    pub actions: &'static [Action],
    /// Who may have it.
    pub assignable_to: &'static [ActorKind],
}

/// The role that may do everything.
pub const SUPER_ADMIN: &str = "super_admin";

const READ: &[Action] = &[Action::Read];
const WRITE: &[Action] = &[Action::Write];
const BOTH: &[Action] = &[Action::Read, Action::Write];

impl Role {
    /// The roles that come with the system.
    pub const ALL: &'static [Self] = &[
        Self {
            id: SUPER_ADMIN,
            name: "Super admin",
            description: "may do everything",
            entity: None,
            actions: BOTH,
            assignable_to: &[ActorKind::User, ActorKind::ServiceAccount],
        },
        Self {
            id: "all_reader",
            name: "Reader",
            description: "may look at everything",
            entity: None,
            actions: READ,
            assignable_to: &[ActorKind::User],
        },
        Self {
            id: "all_writer",
            name: "Writer",
            description: "may look at and change everything",
            entity: None,
            actions: BOTH,
            assignable_to: &[ActorKind::User],
        },
        Self {
            id: "event_ingestor",
            name: "Event ingestor",
            description: "may send events",
            entity: Some(EntityType::Event),
            actions: WRITE,
            assignable_to: &[ActorKind::ServiceAccount],
        },
        Self {
            id: "event_reader",
            name: "Event reader",
            description: "may look at events",
            entity: Some(EntityType::Event),
            actions: READ,
            assignable_to: &[ActorKind::ServiceAccount],
        },
    ];

    /// The role of an id.
    pub fn find(id: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|role| role.id == id)
    }

    /// Whether it grants an action on a kind of thing.
    pub fn grants(&self, entity: EntityType, action: Action) -> bool {
        self.entity.is_none_or(|granted| granted == entity) && self.actions.contains(&action)
    }
}

/// Who acts, and with which roles. A role that is unknown grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// The ids of its roles; those of a key are the ones it was made with.
    pub roles: Arc<[String]>,
}

impl Actor {
    /// A person who may do everything, as the keys of the configuration are.
    pub fn super_admin() -> Self {
        Self { kind: ActorKind::User, roles: Arc::from([SUPER_ADMIN.to_owned()]) }
    }

    /// The system itself.
    pub fn system() -> Self {
        Self { kind: ActorKind::System, roles: Arc::from([SUPER_ADMIN.to_owned()]) }
    }

    /// Whether any role grants an action on a kind of thing. Without roles nothing is granted.
    pub fn may(&self, entity: EntityType, action: Action) -> bool {
        self.roles.iter().filter_map(|id| Role::find(id)).any(|role| role.grants(entity, action))
    }

    /// Whether this is a person with the role [`SUPER_ADMIN`]: what service accounts are refused even with it.
    pub fn is_super_admin_user(&self) -> bool {
        self.kind == ActorKind::User && self.roles.iter().any(|id| id == SUPER_ADMIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(roles: &[&str]) -> Actor {
        Actor { kind: ActorKind::ServiceAccount, roles: roles.iter().map(|role| (*role).to_owned()).collect() }
    }

    /// Spec 60 §2.4, the shipped set: which of (event, invoice) × (read, write) each grants.
    #[test]
    fn roles_grant_what_the_table_says() {
        use Action::{Read, Write};
        for (roles, granted) in [
            (&[][..], [false, false, false, false]),
            (&["unheard_of"], [false, false, false, false]),
            (&["super_admin"], [true, true, true, true]),
            (&["all_reader"], [true, false, true, false]),
            (&["all_writer"], [true, true, true, true]),
            (&["event_ingestor"], [false, true, false, false]),
            (&["event_reader"], [true, false, false, false]),
            (&["event_reader", "event_ingestor"], [true, true, false, false]),
        ] {
            let asked = [(EntityType::Event, Read), (EntityType::Event, Write), (EntityType::Invoice, Read), (EntityType::Invoice, Write)];
            assert_eq!(asked.map(|(entity, action)| actor(roles).may(entity, action)), granted, "{roles:?}");
        }
    }

    #[test]
    fn a_service_account_is_no_super_admin_user() {
        assert!(Actor::super_admin().is_super_admin_user());
        assert!(!actor(&["super_admin"]).is_super_admin_user());
        assert!(!Actor { kind: ActorKind::User, roles: Arc::from(["all_writer".to_owned()]) }.is_super_admin_user());
    }
}
