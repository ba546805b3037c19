//! Values that belong together: columns that children share, and the name and the address of a person.

use crate::data::fill::plan::references;
use crate::data::fill::plan::table_plan::ColumnPlan;
use crate::data::fill::plan::table_plan::{How, TablePlan, TableShape, UniqueKey};
use crate::data::values::source::Source;
use crate::data::values::value_buf::ValueBuf;
use crate::draw::{Draw, key};

/// Gives few values to columns that the keys of children share and that no table lists, so that rows belong together.
pub(super) fn gather(shape: &TableShape<'_>, plan: &mut TablePlan) {
    if shape.context.relations.iter().all(|keys| keys.iter().all(|key| key.columns.len() < 2)) {
        return;
    }
    let shared = references::shared_columns(shape.context, shape.at);
    let keys = UniqueKey::of_table(shape.table, &shape.names);
    for (index, column) in plan.columns.iter_mut().enumerate() {
        // Rows that differ by nothing else need more values.
        let is_shared = |column: &usize| shared.iter().any(|name| *name == *shape.names[*column]);
        let is_key = keys.iter().any(|key| key.columns.contains(&index) && key.columns.iter().all(is_shared));
        let is_constrained = plan.conditions.iter().any(|condition| condition.columns.contains(&index));
        if let How::Source(source) = &column.how
            && shared.contains(&column.name)
            && !is_key
            && !is_constrained
        {
            let values = (0..shape.request.rows.isqrt().clamp(1, 64)).map(|number| {
                let mut value = ValueBuf::default();
                let number = Some(number).filter(|number| *number < source.capacity());
                source.make(&mut Draw::new(key(column.key, number.unwrap_or(0))), number, &mut value);
                value
            });
            column.how = How::Source(Source::Choices(values.collect()));
        }
    }
}

/// Makes the e-mail address of a row that of the person whose name is in the same row.
pub(super) fn name_addresses(plan: &mut TablePlan) {
    use crate::data::values::realistic::Person;
    let person = |column: &ColumnPlan| match &column.how {
        How::Source(Source::Realistic(generator)) if column.edge.is_none() => generator.person(),
        _ => None,
    };
    let people: Vec<Option<Person>> = plan.columns.iter().map(person).collect();
    let only = |wanted: Person| {
        let mut found = people.iter().enumerate().filter(|(_, person)| **person == Some(wanted)).map(|(at, _)| at);
        found.next().filter(|_| found.next().is_none())
    };
    let (full, first, last) = (only(Person::FullName), only(Person::FirstName), only(Person::LastName));
    let Some(first) = full.or(first) else { return };
    let names = [first, full.or(last).unwrap_or(first)];
    // The address of somebody else has another word before it: `billing_email`.
    let is_own = |at: &usize| plan.columns[*at].name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("email"));
    let addresses = (0..people.len()).filter(|at| people[*at] == Some(Person::Email));
    let own: Vec<usize> = addresses.filter(is_own).chain(only(Person::Email)).collect();
    own.into_iter().for_each(|address| plan.columns[address].names = Some(names));
}
