package bench;

import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;

/** A table of the bank: its rows' class, and the statements that upsert and delete them. */
enum Table {
  WALLETS(
      Rows.Wallet.class,
      "wallets",
      "id, user_id, account_number, kind, name, currency, balance, daily_limit, status, version,"
          + " created_at, updated_at",
      "") {
    @Override
    void bind(PreparedStatement to, Rows.Row row) throws SQLException {
      var r = (Rows.Wallet) row;
      to.setObject(1, r.id);
      to.setObject(2, r.userId);
      to.setString(3, r.accountNumber);
      to.setString(4, r.kind);
      to.setString(5, r.name);
      to.setString(6, r.currency);
      to.setBigDecimal(7, r.balance);
      to.setBigDecimal(8, r.dailyLimit);
      to.setString(9, r.status);
      to.setInt(10, r.version);
      to.setObject(11, time(r.createdAt));
      to.setObject(12, time(r.updatedAt));
    }
  },
  TRANSACTIONS(
      Rows.Transaction.class,
      "transactions",
      "id, movement_id, wallet_id, counterparty_wallet_id, kind, amount, currency, balance_after,"
          + " status, reversal_of, description, merchant, metadata, value_date, created_at,"
          + " updated_at",
      "metadata") {
    @Override
    void bind(PreparedStatement to, Rows.Row row) throws SQLException {
      var r = (Rows.Transaction) row;
      to.setObject(1, r.id);
      to.setObject(2, r.movementId);
      to.setObject(3, r.walletId);
      to.setObject(4, r.counterpartyWalletId);
      to.setString(5, r.kind);
      to.setBigDecimal(6, r.amount);
      to.setString(7, r.currency);
      to.setBigDecimal(8, r.balanceAfter);
      to.setString(9, r.status);
      to.setObject(10, r.reversalOf);
      to.setString(11, r.description);
      to.setString(12, r.merchant);
      to.setString(13, r.metadata);
      to.setDate(14, Date.valueOf(LocalDate.ofEpochDay(r.valueDate)));
      to.setObject(15, time(r.createdAt));
      to.setObject(16, time(r.updatedAt));
    }
  },
  NOTIFICATIONS(
      Rows.Notification.class,
      "notifications",
      "id, user_id, transaction_id, kind, channel, title, body, payload, read_at, created_at",
      "payload") {
    @Override
    void bind(PreparedStatement to, Rows.Row row) throws SQLException {
      var r = (Rows.Notification) row;
      to.setObject(1, r.id);
      to.setObject(2, r.userId);
      to.setObject(3, r.transactionId);
      to.setString(4, r.kind);
      to.setString(5, r.channel);
      to.setString(6, r.title);
      to.setString(7, r.body);
      to.setString(8, r.payload);
      to.setObject(9, time(r.readAt));
      to.setObject(10, time(r.createdAt));
    }
  },
  BENEFICIARIES(
      Rows.Beneficiary.class,
      "beneficiaries",
      "id, user_id, wallet_id, name, nickname, account_number, currency, is_favorite, status,"
          + " created_at, updated_at",
      "") {
    @Override
    void bind(PreparedStatement to, Rows.Row row) throws SQLException {
      var r = (Rows.Beneficiary) row;
      to.setObject(1, r.id);
      to.setObject(2, r.userId);
      to.setObject(3, r.walletId);
      to.setString(4, r.name);
      to.setString(5, r.nickname);
      to.setString(6, r.accountNumber);
      to.setString(7, r.currency);
      to.setBoolean(8, r.isFavorite);
      to.setString(9, r.status);
      to.setObject(10, time(r.createdAt));
      to.setObject(11, time(r.updatedAt));
    }
  };

  final Class<? extends Rows.Row> rowClass;
  final String source;
  final String upsert;
  final String delete;

  /** `json`: the column that is jsonb, if any. */
  Table(Class<? extends Rows.Row> rowClass, String name, String columns, String json) {
    this.rowClass = rowClass;
    this.source = name;
    List<String> values = new ArrayList<>();
    List<String> sets = new ArrayList<>();
    for (String column : columns.split(", ?")) {
      values.add(column.equals(json) ? "?::jsonb" : "?");
      if (!column.equals("id")) sets.add(column + " = EXCLUDED." + column);
    }
    this.upsert =
        String.format(
            "INSERT INTO peer.%s (%s) VALUES (%s) ON CONFLICT (id) DO UPDATE SET %s",
            name, columns, String.join(", ", values), String.join(", ", sets));
    this.delete = String.format("DELETE FROM peer.%s WHERE id = ?", name);
  }

  /** Sets the parameters of {@link #upsert}. */
  abstract void bind(PreparedStatement to, Rows.Row row) throws SQLException;

  private static OffsetDateTime time(Instant instant) {
    return instant == null ? null : instant.atOffset(ZoneOffset.UTC);
  }
}
