//! Cost sheets: made, changed, removed, and the one that counts.

use domain::cost::Costsheet;
use domain::rating::{Price, PriceEntityType};
use domain::scope::{Scope, Status};
use storage::{Condition, Direction, ListQuery, Sort};

use crate::catalog::prices_of_entity;
use crate::{App, Context, Error, Pending, Result};

const TAKEN: &str = "a cost sheet with this name or lookup_key exists already: choose another";

impl App {
    /// Makes a cost sheet. A taken name or lookup key is refused.
    pub async fn create_costsheet(&self, sheet: Costsheet) -> Result<Pending<Costsheet>> {
        sheet.validate()?;
        let mut work = self.database().begin().await?;
        let inserted = storage::insert(&mut work, &sheet).await.map_err(Error::from);
        inserted.map_err(|error| error.or_exists(|| TAKEN.to_owned()))?;
        Ok(Pending::new(self, work, sheet))
    }

    /// Changes a cost sheet.
    pub async fn update_costsheet(&self, context: &Context, id: &str, apply: impl FnOnce(&mut Costsheet)) -> Result<Pending<Costsheet>> {
        let change = |sheet: &mut Costsheet| {
            apply(sheet);
            Ok(sheet.validate()?)
        };
        let changed = self.change(context, "cost sheet", id, change).await;
        changed.map_err(|error| error.or_exists(|| TAKEN.to_owned()))
    }

    /// Removes a cost sheet; its prices stay. A second time is refused.
    pub async fn delete_costsheet(&self, context: &Context, id: &str) -> Result<Pending<()>> {
        let remove = |sheet: &mut Costsheet| {
            if sheet.audit.status == Status::Deleted {
                return Err(Error::input("the cost sheet is deleted already"));
            }
            sheet.audit.status = Status::Deleted;
            Ok(())
        };
        Ok(self.change(context, "cost sheet", id, remove).await?.map(|_| ()))
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
