use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::{OpenError, error::DatabaseError};

/// Brings the database to the newest schema, step by step; a new database takes all steps.
pub(crate) fn to_latest(connection: &mut Connection) -> Result<(), OpenError> {
    steps().to_latest(connection).map_err(|error| OpenError::Migrate(DatabaseError::new(error)))
}

/// The steps, oldest first. A released step is never edited.
fn steps() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("migrations/0001_first.sql")),
        M::up(include_str!("migrations/0002_camera_policy.sql")),
        M::up(include_str!("migrations/0003_onvif.sql")),
        M::up(include_str!("migrations/0004_warm_schedule.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything about a schema that two ways of arriving at it must agree on.
    fn facts(connection: &Connection) -> Vec<String> {
        let mut facts = Vec::new();
        let mut tables = connection
            .prepare("SELECT name, strict, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'")
            .unwrap();
        let tables: Vec<(String, bool, bool)> = tables
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (table, strict, without_rowid) in tables {
            facts.push(format!("table {table} strict={strict} without_rowid={without_rowid}"));
            for pragma in ["table_xinfo", "foreign_key_list", "index_list"] {
                facts.extend(rows(
                    connection,
                    &format!("SELECT * FROM pragma_{pragma}('{table}')"),
                    &table,
                    pragma,
                ));
            }
        }
        facts.extend(rows(
            connection,
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL",
            "schema",
            "sql",
        ));
        facts.sort();
        facts
    }

    fn rows(connection: &Connection, query: &str, table: &str, what: &str) -> Vec<String> {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        statement
            .query_map([], |row| {
                let cells: Vec<_> = (0..columns)
                    .map(|at| row.get::<_, rusqlite::types::Value>(at))
                    .collect::<Result<_, _>>()?;
                let text = format!("{cells:?}").split_whitespace().collect::<Vec<_>>().join(" ");
                Ok(format!("{table} {what} {text}"))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn an_upgraded_schema_equals_the_documented_one() {
        let fresh = Connection::open_in_memory().unwrap();
        fresh.execute_batch(include_str!("schema.sql")).unwrap();
        let mut upgraded = Connection::open_in_memory().unwrap();
        to_latest(&mut upgraded).unwrap();
        assert_eq!(facts(&upgraded), facts(&fresh));
    }

    #[test]
    fn the_steps_are_valid_and_a_second_run_changes_nothing() {
        steps().validate().unwrap();
        let mut connection = Connection::open_in_memory().unwrap();
        to_latest(&mut connection).unwrap();
        let before = facts(&connection);
        to_latest(&mut connection).unwrap();
        assert_eq!(facts(&connection), before);
    }

    #[test]
    fn a_camera_of_before_schedules_keeps_the_policy_it_had() {
        let mut connection = Connection::open_in_memory().unwrap();
        steps().to_version(&mut connection, 3).unwrap();
        let rows = "INSERT INTO tenants VALUES ('t', 'ours', 0);
            INSERT INTO sites (site_id, tenant_id, name, created_at, updated_at) VALUES ('s', 't', 'dock', 0, 0);
            INSERT INTO cameras (camera_id, tenant_id, site_id, name, warm, linger_ms, created_at, updated_at)
            VALUES ('c', 't', 's', 'gate', 'main', 0, 0, 0);";
        connection.execute_batch(rows).unwrap();
        to_latest(&mut connection).unwrap();
        let query = "SELECT warm_now || warm_schedule FROM cameras";
        assert_eq!(connection.query_row(query, [], |row| row.get::<_, String>(0)).unwrap(), "main[]");
        let query = "SELECT time_zone || warm_schedule FROM sites";
        assert_eq!(connection.query_row(query, [], |row| row.get::<_, String>(0)).unwrap(), "UTC[]");
        assert!(connection.execute("UPDATE sites SET warm_schedule = 'mon to fri'", []).is_err());
    }

    #[test]
    fn every_table_is_strict_and_names_its_tenant() {
        let mut connection = Connection::open_in_memory().unwrap();
        to_latest(&mut connection).unwrap();
        for fact in facts(&connection).iter().filter(|fact| fact.starts_with("table ")) {
            assert!(fact.contains("strict=true"), "{fact}");
            let table = fact.split(' ').nth(1).unwrap();
            let query = format!("SELECT count(*) FROM pragma_table_info('{table}') WHERE name = 'tenant_id'");
            assert_eq!(connection.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap(), 1, "{table}");
        }
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 1000).unwrap();
        assert!(matches!(to_latest(&mut connection), Err(OpenError::Migrate(_))));
    }
}
