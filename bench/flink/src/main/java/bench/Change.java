package bench;

/** What one record says: the row as it is now, or the row that is gone. */
final class Change {
  final Table table;
  final boolean isDelete;
  final Rows.Row row;

  Change(Table table, boolean isDelete, Rows.Row row) {
    this.table = table;
    this.isDelete = isDelete;
    this.row = row;
  }
}
