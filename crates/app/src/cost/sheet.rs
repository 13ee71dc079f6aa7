//! Cost sheets: made, changed, removed, and the one that counts.

use domain::cost::Costsheet;
use domain::invalid::require_field;
use domain::platform::EntityType;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use storage::{Condition, Direction, ListQuery, Sort};

use crate::catalog::prices_of_entity;
use crate::change::Entity;
use crate::{App, Context, Error, Pending, Result};

impl Entity for Costsheet {
    const TYPE: EntityType = EntityType::Costsheet;
    const NAME: &'static str = "cost sheet";

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn taken(&self) -> String {
        "a cost sheet with this name or lookup_key exists already: choose another".to_owned()
    }
}

impl App {
    /// Makes a cost sheet. A taken name or lookup key is refused.
    pub async fn create_costsheet(&self, context: &Context, sheet: Costsheet) -> Result<Pending<Costsheet>> {
        sheet.validate()?;
        let mut change = self.begin(context).await?;
        change.create(&sheet).await?;
        Ok(change.done(sheet))
    }

    /// Changes a cost sheet.
    pub async fn update_costsheet(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Costsheet)) -> Result<Pending<Costsheet>> {
        let change = |sheet: &mut Costsheet| {
            apply(sheet);
            Ok(sheet.validate()?)
        };
        self.change(context, id, change).await
    }

    /// Removes a cost sheet; its prices stay. A second time is refused.
    pub async fn delete_costsheet(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let mut change = self.begin(context).await?;
        let sheet: Costsheet = change.require(id).await?;
        require_field(sheet.audit.status != Status::Deleted, "id", "the cost sheet is deleted already")?;
        change.delete(&sheet).await?;
        Ok(change.done(()))
    }

    /// The newest published cost sheet.
    pub async fn active_costsheet(&self, scope: &Scope) -> Result<Costsheet> {
        self.find_active_costsheet(scope).await?.ok_or_else(|| Error::not_found("cost sheet", "that is active"))
    }

    pub(super) async fn find_active_costsheet(&self, scope: &Scope) -> Result<Option<Costsheet>> {
        let newest = ListQuery {
            conditions: vec![Condition::eq("status", &Status::Published)],
            sort: vec![Sort { column: "created_at", direction: Direction::Descending }],
            limit: 1,
            offset: 0,
        };
        Ok(self.list::<Costsheet>(scope, &newest).await?.items.pop())
    }

    /// The published prices of cost sheets, also ended ones, oldest first.
    pub async fn prices_of_costsheets(&self, scope: &Scope, sheets: &[String]) -> Result<Vec<Price>> {
        match sheets {
            [] => Ok(Vec::new()),
            [sheet] => self.find_all(scope, &prices_of_entity(PriceEntityType::Costsheet, sheet)).await,
            sheets => {
                let conditions = [Condition::eq("entity_type", &PriceEntityType::Costsheet), Condition::one_of("entity_id", sheets)];
                self.find_all(scope, &conditions).await
            }
        }
    }
}
