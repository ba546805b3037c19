//! The tables that statements read or write.

use crate::order::SortedSet;
use crate::schema::{ForeignKey, Schema, Table, TableKind};
use crate::sql::{Name, Token, tokens};

/// The objects that a statement may read or write, and the texts that say so: its own, those of its views and of triggers.
#[derive(Debug, Default)]
pub(in crate::plan) struct Reach<'a> {
    pub(in crate::plan) tables: Vec<&'a Table>,
    pub(in crate::plan) texts: Vec<String>,
    /// Those of the tables that only foreign keys lead to, from a parent, and that have no trigger.
    pub(super) children: SortedSet<Name>,
}

impl<'a> Reach<'a> {
    /// Names decide, and a name that means something else adds a table that is not needed.
    pub(in crate::plan) fn of(schema: &'a Schema, statement: &str) -> Reach<'a> {
        let mut reach = Reach { texts: vec![statement.to_owned()], ..Reach::default() };
        let mut at = 0;
        while at < reach.texts.len() {
            let text = reach.texts[at].clone();
            let tokens = tokens(&text);
            let is_writing = is_writing(&tokens);
            for name in tokens.iter().filter_map(Token::name).map(Name::from) {
                for view in schema.views.iter().filter(|view| view.name == name) {
                    let triggers = view.triggers.iter().filter(|_| is_writing).map(|trigger| &trigger.sql);
                    std::iter::once(&view.sql).chain(triggers).for_each(|sql| reach.add_text(sql));
                }
                if let Some(table) = schema.table(&name).filter(|table| table.kind == TableKind::Ordinary) {
                    reach.add_table(schema, table, is_writing);
                }
            }
            at += 1;
        }
        reach
    }

    fn add_text(&mut self, sql: &str) {
        if !self.texts.iter().any(|known| known == sql) {
            self.texts.push(sql.to_owned());
        }
    }

    /// Adds a table and, if it is written, its triggers and the tables that its foreign keys lead to.
    fn add_table(&mut self, schema: &'a Schema, table: &'a Table, is_written: bool) {
        self.children.remove(&table.name);
        if !self.tables.iter().any(|known| known.name == table.name) {
            self.tables.push(table);
        }
        if !is_written {
            return;
        }
        table.triggers.iter().for_each(|trigger| self.add_text(&trigger.sql));
        let refers = |child: &Table, parent: &Name| child.foreign_keys.iter().any(|key| key.parent == *parent);
        let children = |parent: &'a Table| schema.tables.iter().filter(move |child| refers(child, &parent.name));
        let parents = |key: &ForeignKey| schema.table(&key.parent);
        let mut related: Vec<&'a Table> = table.foreign_keys.iter().filter_map(parents).collect();
        // An action deletes children of children.
        let mut generation: Vec<&'a Table> = children(table).collect();
        while let Some(child) = generation.pop() {
            if !related.iter().any(|known| known.name == child.name) {
                related.push(child);
                let is_new = self.tables.iter().all(|known| known.name != child.name);
                if is_new && child.triggers.is_empty() {
                    self.children.insert(child.name.clone());
                }
                child.triggers.iter().for_each(|trigger| self.add_text(&trigger.sql));
                generation.extend(children(child));
            }
        }
        for one in related {
            if !self.tables.iter().any(|known| known.name == one.name) {
                self.tables.push(one);
            }
        }
    }
}

fn is_writing(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| ["delete", "update", "replace", "insert"].iter().any(|word| token.is(word)))
}
