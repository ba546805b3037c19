//! Everything that can run side by side in one process.

mod advice;
mod arbitrary_input;
mod architecture;
mod check_backup;
mod check_health;
mod check_integrity;
mod check_profile;
mod crash;
mod data;
#[cfg(feature = "property")]
mod data_property;
mod data_violations;
mod differential;
mod every_failure;
mod faults;
mod fixtures;
mod hostile;
mod interleave;
mod lint;
mod made_values;
mod migrations;
mod plan;
mod plan_statistics;
mod production;
mod profile;
mod public_api;
mod random;
mod readme;
mod record;
mod schema;
mod state;
mod suite;
mod template;
mod testdb;
mod what_if;
mod workload;
