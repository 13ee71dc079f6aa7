//! Rows as the server keeps them itself, column after column (format `Native`, <https://clickhouse.com/docs/interfaces/formats/Native>): it
//! copies such a block, where it would take rows apart value by value and look each up among those of its column. That halves an insert.

use std::collections::HashMap;

/// Bytes that are compressed and sent at once.
const PIECE_BYTES: usize = 1 << 20;

/// A row that knows its table.
pub(super) trait TableRow: Sized {
    /// The table's name, without database.
    const TABLE: &'static str;

    /// Writes all columns of some rows.
    fn write(rows: &[Self], block: &mut Block);
}

/// A block of one insert. Names and types of the columns travel with it; those that the table has beyond them get their defaults.
pub(super) struct Block {
    rows: usize,
    names: Vec<&'static str>,
    columns: Vec<u8>,
}

impl Block {
    pub(super) fn of<R: TableRow>(rows: &[R]) -> Self {
        let mut block = Self { rows: rows.len(), names: Vec::new(), columns: Vec::new() };
        R::write(rows, &mut block);
        block
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The insert that the block belongs to.
    pub(super) fn statement(&self, table: &str) -> String {
        format!("INSERT INTO {table} ({}) FORMAT Native", self.names.join(", "))
    }

    /// What is sent.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Vec<u8>> {
        let mut head = Vec::new();
        push_count(&mut head, self.names.len());
        push_count(&mut head, self.rows);
        std::iter::once(head).chain(self.columns.chunks(PIECE_BYTES).map(<[u8]>::to_vec))
    }

    fn begin(&mut self, name: &'static str, kind: &str) -> &mut Vec<u8> {
        self.names.push(name);
        push_text(&mut self.columns, name);
        push_text(&mut self.columns, kind);
        &mut self.columns
    }

    /// A column of numbers, each in its bytes from the lowest on.
    pub(super) fn numbers<const N: usize>(&mut self, name: &'static str, kind: &str, values: impl Iterator<Item = [u8; N]>) {
        let column = self.begin(name, kind);
        values.for_each(|value| column.extend_from_slice(&value));
    }

    /// Numbers of which some are missing.
    pub(super) fn optional_numbers<const N: usize>(
        &mut self,
        name: &'static str,
        kind: &str,
        values: impl Iterator<Item = Option<[u8; N]>> + Clone,
    ) {
        let column = self.begin(name, &format!("Nullable({kind})"));
        column.extend(values.clone().map(|value| u8::from(value.is_none())));
        values.for_each(|value| column.extend_from_slice(&value.unwrap_or([0; N])));
    }

    /// A column of `String`.
    pub(super) fn texts<'a>(&mut self, name: &'static str, values: impl Iterator<Item = &'a str>) {
        let column = self.begin(name, "String");
        values.for_each(|value| push_text(column, value));
    }

    /// Texts of which some are missing.
    pub(super) fn optional_texts<'a>(&mut self, name: &'static str, values: impl Iterator<Item = Option<&'a str>> + Clone) {
        let column = self.begin(name, "Nullable(String)");
        column.extend(values.clone().map(|value| u8::from(value.is_none())));
        values.for_each(|value| push_text(column, value.unwrap_or_default()));
    }

    /// A column of `LowCardinality(String)`.
    pub(super) fn words<'a>(&mut self, name: &'static str, values: impl Iterator<Item = &'a str>) {
        let mut words = Words::default();
        values.for_each(|value| words.push(value));
        let column = self.begin(name, "LowCardinality(String)");
        Words::announce(column);
        words.write(column);
    }

    /// A column of `Map(LowCardinality(String), String)`.
    pub(super) fn maps(&mut self, name: &'static str, maps: &Maps) {
        let column = self.begin(name, "Map(LowCardinality(String), String)");
        Words::announce(column);
        maps.ends.iter().for_each(|end| column.extend_from_slice(&end.to_le_bytes()));
        maps.names.write(column);
        column.extend_from_slice(&maps.texts);
    }
}

/// The maps of a column, one per row.
#[derive(Default)]
pub(super) struct Maps {
    /// How many pairs there are up to the end of each row.
    ends: Vec<u64>,
    names: Words,
    texts: Vec<u8>,
}

impl Maps {
    /// Adds a pair to the row that is being written.
    pub(super) fn push(&mut self, name: &str, text: &str) {
        self.names.push(name);
        push_text(&mut self.texts, text);
    }

    /// Ends the row.
    pub(super) fn end_row(&mut self) {
        self.ends.push(self.names.used.len() as u64);
    }
}

/// Texts that repeat: each once, and which of them a row has.
struct Words {
    known: HashMap<String, u32>,
    all: Vec<String>,
    used: Vec<u32>,
}

impl Default for Words {
    fn default() -> Self {
        // The server wants the default of the type first.
        Self { known: HashMap::from([(String::new(), 0)]), all: vec![String::new()], used: Vec::new() }
    }
}

impl Words {
    /// The version of what [`Words::write`] writes; it stands before the column, also where words are a part of it.
    fn announce(column: &mut Vec<u8>) {
        column.extend_from_slice(&1_u64.to_le_bytes());
    }

    fn push(&mut self, word: &str) {
        // Rows come in the order of the table, so the word is mostly the one before.
        let before = self.used.last().filter(|before| self.all[**before as usize] == word).copied();
        let number = before.or_else(|| self.known.get(word).copied()).unwrap_or_else(|| {
            let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
            self.all.push(word.to_owned());
            self.known.insert(word.to_owned(), number);
            number
        });
        self.used.push(number);
    }

    /// Own words of this block alone, and numbers of one, two or four bytes.
    fn write(&self, column: &mut Vec<u8>) {
        const OWN_WORDS: u64 = 0x600;
        if self.used.is_empty() {
            return;
        }
        let width = match self.all.len() {
            ..=0x100 => 0,
            0x101..=0x1_0000 => 1,
            _ => 2,
        };
        column.extend_from_slice(&(OWN_WORDS | width).to_le_bytes());
        column.extend_from_slice(&(self.all.len() as u64).to_le_bytes());
        self.all.iter().for_each(|word| push_text(column, word));
        column.extend_from_slice(&(self.used.len() as u64).to_le_bytes());
        let bytes = 1 << width;
        self.used.iter().for_each(|number| column.extend_from_slice(&number.to_le_bytes()[..bytes]));
    }
}

/// A text after its length.
fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_count(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// A number in groups of seven bits, the lowest first; the highest bit says that more follow.
fn push_count(bytes: &mut Vec<u8>, mut count: usize) {
    loop {
        let [low, ..] = count.to_le_bytes();
        count >>= 7;
        if count == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_groups_of_seven_bits() {
        let written = |count| {
            let mut bytes = Vec::new();
            push_count(&mut bytes, count);
            bytes
        };
        assert_eq!(written(0), [0]);
        assert_eq!(written(127), [127]);
        assert_eq!(written(128), [0x80, 1]);
        assert_eq!(written(300), [0xac, 2]);
    }

    #[test]
    fn words_are_numbered_in_the_fewest_bytes() {
        for (different, width) in [(255_u64, 1), (256, 2), (65_535, 2), (65_536, 4)] {
            let mut words = Words::default();
            (0..different).for_each(|number| words.push(&number.to_string()));
            let mut column = Vec::new();
            words.write(&mut column);
            let tail = column.len() - usize::try_from(different).unwrap() * width;
            assert_eq!(column[tail - 8..tail], different.to_le_bytes(), "{different} words");
        }
    }
}
