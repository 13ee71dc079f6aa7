//! Display groups of prices or features (spec 20 §12).

use domain::catalog::{Feature, Group, GroupEntityType};
use domain::invalid::require_text;
use domain::rating::Price;
use domain::scope::{Scope, Status};
use storage::{Condition, UnitOfWork, Value};

use crate::{App, Context, Error, Pending, Result};

impl App {
    /// Makes a group. A taken lookup key is refused.
    pub async fn create_group(&self, group: Group) -> Result<Pending<Group>> {
        require_text(&group.name, "name")?;
        require_text(&group.lookup_key, "lookup_key")?;
        let mut work = self.database().begin().await?;
        storage::insert(&mut work, &group)
            .await
            .map_err(Error::from)
            .map_err(|error| error.or_exists(|| format!("a group with lookup_key {} exists already: choose another", group.lookup_key)))?;
        Ok(Pending::new(self, work, group))
    }

    /// Puts a group away; its members stay, without group.
    pub async fn delete_group(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut work = self.database().begin().await?;
        let found: Option<Group> = storage::get(&mut work, &context.scope, id).await?;
        let mut group = found.ok_or_else(|| Error::not_found("group", id))?;
        let members = [Condition::Eq("group_id", Value::Text(id.to_owned()))];
        for mut feature in storage::find_all::<Feature>(&mut work, &context.scope, &members).await? {
            feature.group_id = None;
            storage::update(&mut work, &feature).await?;
        }
        for mut price in storage::find_all::<Price>(&mut work, &context.scope, &members).await? {
            price.group_id = None;
            storage::update(&mut work, &price).await?;
        }
        group.audit.status = Status::Archived;
        self.touch(context, &mut group);
        storage::update(&mut work, &group).await?;
        Ok(Pending::new(self, work, ()))
    }
}

/// Refuses a group that does not exist, is put away, or groups other things. It stays until the unit of work ends.
pub(super) async fn check_group(work: &mut UnitOfWork, scope: &Scope, id: &str, wanted: GroupEntityType) -> Result<()> {
    let group: Option<Group> = storage::get(&mut work.shared(), scope, id).await?;
    match group.filter(|group| group.audit.status == Status::Published) {
        Some(group) if group.entity_type == wanted => Ok(()),
        Some(group) => Err(Error::input(format!("group {id} groups {}s, not {wanted}s", group.entity_type))),
        None => Err(Error::input(format!("group {id} does not exist: leave out group_id, or make the group first"))),
    }
}
