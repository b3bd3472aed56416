//! Values that this installation made for itself and keeps, such as the key
//! that signs its URLs. They stand above any tenant.

use crate::column::Args;
use crate::error::StoreError;
use crate::reader::{Reader, Statement, changed, one, optional};
use crate::tx::Tx;

const TABLE: &str = "settings";

/// Statements on `settings`.
#[derive(Debug)]
pub struct Settings<E>(pub(crate) E);

impl<E: Reader> Settings<E> {
    /// The value under `name`.
    pub async fn get(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT name, value FROM settings WHERE name = $1";
        optional(
            &mut self.0,
            Statement::new(TABLE, sql, Args::new().text(name)),
            |row| row.text("value"),
        )
        .await
    }
}

impl Settings<&mut Tx> {
    /// Writes `one` under `name`, or `other` where `one` is there: SQLite spares
    /// itself a page that stays the same.
    pub(crate) async fn alternate(
        &mut self,
        name: &str,
        one: &str,
        other: &str,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO settings (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE
                SET value = CASE WHEN settings.value = $2 THEN $3 ELSE $2 END
            RETURNING name";
        let args = Args::new().text(name).text(one).text(other);
        changed(&mut self.0, Statement::new(TABLE, sql, args))
            .await
            .map(drop)
    }

    /// The value under `name`, which is `value` when there was none. Of several
    /// processes at once, all get the same one.
    pub async fn get_or_insert(&mut self, name: &str, value: &str) -> Result<String, StoreError> {
        // The update changes nothing and makes the row of another be returned.
        let sql = "INSERT INTO settings (name, value) VALUES ($1, $2)
            ON CONFLICT (name) DO UPDATE SET name = excluded.name
            RETURNING name, value";
        let args = Args::new().text(name).text(value);
        one(&mut self.0, Statement::new(TABLE, sql, args), |row| {
            row.text("value")
        })
        .await
    }
}
