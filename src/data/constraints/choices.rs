//! The values that the CHECKs of a table list for its columns: `state IN ('open', 'paid')`, `kind = 'a' OR kind = 'b'`.

use rusqlite::types::Value;

use crate::data::constraints::condition::Branch;
use crate::data::constraints::conditions::of_check;
use crate::data::values::domain::Nullability;
use crate::schema::Table;
use crate::sql::Name;

/// Returns the columns for which a CHECK lists values, with these.
pub(crate) fn listed_choices(table: &Table) -> Vec<(Name, Vec<Value>)> {
    let names: Vec<String> = table.columns.iter().map(|column| column.name.to_string()).collect();
    let mut found: Vec<(Name, Vec<Value>)> = Vec::new();
    for check in &table.checks {
        let condition = of_check(None, &check.expression, table, &names);
        for at in condition.columns {
            let name = &table.columns[at].name;
            if let Some(choices) = choices_in(&condition.branches, at)
                && !found.iter().any(|(known, _)| known == name)
            {
                found.push((name.clone(), choices));
            }
        }
    }
    found
}

/// Returns the values of a column in all branches. None if it may have others.
fn choices_in(branches: &[Branch], column: usize) -> Option<Vec<Value>> {
    let mut found: Vec<Value> = Vec::new();
    for branch in branches {
        let (_, domain) = branch.domains.iter().find(|(of, _)| *of == column)?;
        if domain.nullability == Nullability::Required {
            continue;
        }
        for choice in domain.choices.as_ref()? {
            if !found.contains(choice) {
                found.push(choice.clone());
            }
        }
    }
    (!found.is_empty()).then_some(found)
}
