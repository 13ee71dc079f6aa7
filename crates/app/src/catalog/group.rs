//! Display groups of prices or features (spec 20 §12).

use domain::catalog::{Feature, Group, GroupEntityType};
use domain::invalid::require_text;
use domain::platform::EntityType;
use domain::rating::Price;
use domain::scope::{Scope, Status};
use storage::{Condition, UnitOfWork, Value};

use crate::change::Entity;
use crate::{App, Context, Error, Pending, Result};

impl Entity for Group {
    const TYPE: EntityType = EntityType::Group;
    const NAME: &'static str = "group";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        format!("a group with lookup_key {} exists already: choose another", self.lookup_key)
    }

    fn unique(&self) -> Option<(&'static str, &str)> {
        Some(("lookup_key", &self.lookup_key))
    }
}

impl App {
    /// Makes a group. A taken lookup key is refused.
    pub async fn create_group(&self, context: &Context, group: Group) -> Result<Pending<Group>> {
        require_text(&group.name, "name")?;
        require_text(&group.lookup_key, "lookup_key")?;
        let mut change = self.begin(context).await?;
        change.create(&group).await?;
        Ok(change.done(group))
    }

    /// Archives a group; its members stay, without group.
    pub async fn delete_group(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let group: Group = change.require(id).await?;
        let members = [Condition::Eq("group_id", Value::Text(id.to_owned()))];
        for before in storage::find_all::<Feature>(change.work(), &context.scope, &members).await? {
            change.update(&before, &mut Feature { group_id: None, ..before.clone() }).await?;
        }
        for before in storage::find_all::<Price>(change.work(), &context.scope, &members).await? {
            change.update(&before, &mut Price { group_id: None, ..before.clone() }).await?;
        }
        change.archive(&group).await?;
        Ok(change.done(()))
    }
}

/// Refuses a group that does not exist, is archived, or groups other things. It stays until the unit of work ends.
pub(super) async fn check_group(work: &mut UnitOfWork, scope: &Scope, id: &str, wanted: GroupEntityType) -> Result<()> {
    let group: Option<Group> = storage::get(&mut work.shared(), scope, id).await?;
    match group.filter(|group| group.audit.status == Status::Published) {
        Some(group) if group.entity_type == wanted => Ok(()),
        Some(group) => Err(Error::field("group_id", format!("group {id} groups {}s, not {wanted}s", group.entity_type))),
        None => Err(Error::field("group_id", format!("group {id} does not exist: leave out group_id, or make the group first"))),
    }
}
