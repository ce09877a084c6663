package bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.UUID;

/** Debezium's envelope and the bank's rows, as Jackson fills them. */
final class Rows {
  private Rows() {}

  /** A change: of a delete, `before` has the key. */
  static final class Envelope<R extends Row> {
    public R before;
    public R after;
    public Source source;
    public String op;
    @JsonProperty("ts_ms") public Instant at;
  }

  static final class Source {
    public String table;
    public long txId;
    public long lsn;
    @JsonProperty("ts_ms") public Instant committedAt;
  }

  abstract static class Row {
    public UUID id;
  }

  static final class Wallet extends Row {
    @JsonProperty("user_id") public UUID userId;
    @JsonProperty("account_number") public String accountNumber;
    public String kind;
    public String name;
    public String currency;
    public BigDecimal balance;
    @JsonProperty("daily_limit") public BigDecimal dailyLimit;
    public String status;
    public int version;
    @JsonProperty("created_at") public Instant createdAt;
    @JsonProperty("updated_at") public Instant updatedAt;
  }

  static final class Transaction extends Row {
    @JsonProperty("movement_id") public UUID movementId;
    @JsonProperty("wallet_id") public UUID walletId;
    @JsonProperty("counterparty_wallet_id") public UUID counterpartyWalletId;
    public String kind;
    public BigDecimal amount;
    public String currency;
    @JsonProperty("balance_after") public BigDecimal balanceAfter;
    public String status;
    @JsonProperty("reversal_of") public UUID reversalOf;
    public String description;
    public String merchant;
    public String metadata;
    @JsonProperty("value_date") public int valueDate;
    @JsonProperty("created_at") public Instant createdAt;
    @JsonProperty("updated_at") public Instant updatedAt;
  }

  static final class Notification extends Row {
    @JsonProperty("user_id") public UUID userId;
    @JsonProperty("transaction_id") public UUID transactionId;
    public String kind;
    public String channel;
    public String title;
    public String body;
    public String payload;
    @JsonProperty("read_at") public Instant readAt;
    @JsonProperty("created_at") public Instant createdAt;
  }

  static final class Beneficiary extends Row {
    @JsonProperty("user_id") public UUID userId;
    @JsonProperty("wallet_id") public UUID walletId;
    public String name;
    public String nickname;
    @JsonProperty("account_number") public String accountNumber;
    public String currency;
    @JsonProperty("is_favorite") public boolean isFavorite;
    public String status;
    @JsonProperty("created_at") public Instant createdAt;
    @JsonProperty("updated_at") public Instant updatedAt;
  }
}
