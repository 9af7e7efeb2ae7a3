//! How the tables came to be, on SQLite and PostgreSQL. A migration never changes once it was
//! released, and never imports `entity`, which does.

pub use sea_orm_migration::prelude::*;

mod folding;
mod m20261121_000001_first;
mod m20261124_000002_notifications;
mod m20261124_000003_reminders;
mod m20261126_000004_places;
mod m20261126_000005_search;
mod m20261126_000010_expiry;
mod m20261126_000020_table_names;
mod m20261127_000030_extras;
mod m20261127_000031_categories;
mod m20261127_000040_undo;
mod m20261127_000041_thread_mutes;
mod m20261127_000050_planned;
mod m20261127_000051_erasure;
mod m20261127_000052_sweep;
mod m20261127_000060_active;
mod m20261127_000070_search_words;
mod m20261127_000080_last_look;
mod m20261127_000081_search_more;
mod m20261127_000090_room;
mod m20261127_000100_campaigns;
mod m20261127_000110_deactivation_reason;
mod m20261127_000120_states;
mod m20261127_000130_replied_count;

pub use folding::folded;

pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_first::Migration),
            Box::new(m20261124_000002_notifications::Migration),
            Box::new(m20261124_000003_reminders::Migration),
            Box::new(m20261126_000004_places::Migration),
            Box::new(m20261126_000005_search::Migration),
            Box::new(m20261126_000010_expiry::Migration),
            Box::new(m20261126_000020_table_names::Migration),
            Box::new(m20261127_000030_extras::Migration),
            Box::new(m20261127_000031_categories::Migration),
            Box::new(m20261127_000040_undo::Migration),
            Box::new(m20261127_000041_thread_mutes::Migration),
            Box::new(m20261127_000050_planned::Migration),
            Box::new(m20261127_000051_erasure::Migration),
            Box::new(m20261127_000052_sweep::Migration),
            Box::new(m20261127_000060_active::Migration),
            Box::new(m20261127_000070_search_words::Migration),
            Box::new(m20261127_000080_last_look::Migration),
            Box::new(m20261127_000081_search_more::Migration),
            Box::new(m20261127_000090_room::Migration),
            Box::new(m20261127_000100_campaigns::Migration),
            Box::new(m20261127_000110_deactivation_reason::Migration),
            Box::new(m20261127_000120_states::Migration),
            Box::new(m20261127_000130_replied_count::Migration),
        ]
    }
}

/// The foreign key of a column to another table's id.
fn reference(
    table: &'static str,
    column: &'static str,
    other: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create().from(table, column).to(other, "id").to_owned()
}
