package bench;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.jdbc.JdbcConnectionOptions;
import org.apache.flink.connector.jdbc.JdbcExecutionOptions;
import org.apache.flink.connector.jdbc.internal.GenericJdbcSinkFunction;
import org.apache.flink.connector.jdbc.internal.JdbcOutputFormat;
import org.apache.flink.connector.jdbc.internal.connection.SimpleJdbcConnectionProvider;
import org.apache.flink.connector.jdbc.internal.executor.JdbcBatchStatementExecutor;

/** The JDBC connector's sink for one table, with upserts and deletes as its SQL connector has them. */
final class Sink extends GenericJdbcSinkFunction<Change> {
  private Sink(JdbcOutputFormat<Change, ?, ?> format) {
    super(format);
  }

  static Sink of(Table table, JdbcConnectionOptions connection) {
    return new Sink(
        new JdbcOutputFormat<>(
            new SimpleJdbcConnectionProvider(connection),
            JdbcExecutionOptions.builder().withBatchSize(5000).withMaxRetries(0).build(),
            context -> new Reduced(table),
            JdbcOutputFormat.RecordExtractor.identity()));
  }

  /** The connector would copy each change by Kryo; nobody changes one here. */
  @Override
  public void setInputType(TypeInformation<?> type, ExecutionConfig config) {}

  /** Of a batch, each key's last change: as the connector's TableBufferReducedStatementExecutor. */
  private static final class Reduced implements JdbcBatchStatementExecutor<Change> {
    private final Table table;
    private final Map<UUID, Change> last = new HashMap<>();
    private PreparedStatement upsert;
    private PreparedStatement delete;

    Reduced(Table table) {
      this.table = table;
    }

    @Override
    public void prepareStatements(Connection connection) throws SQLException {
      upsert = connection.prepareStatement(table.upsert);
      delete = connection.prepareStatement(table.delete);
    }

    @Override
    public void addToBatch(Change change) {
      last.put(change.row.id, change);
    }

    @Override
    public void executeBatch() throws SQLException {
      boolean hasUpserts = false;
      boolean hasDeletes = false;
      for (Change change : last.values()) {
        if (change.isDelete) {
          delete.setObject(1, change.row.id);
          delete.addBatch();
          hasDeletes = true;
        } else {
          table.bind(upsert, change.row);
          upsert.addBatch();
          hasUpserts = true;
        }
      }
      if (hasUpserts) upsert.executeBatch();
      if (hasDeletes) delete.executeBatch();
      last.clear();
    }

    @Override
    public void closeStatements() throws SQLException {
      if (upsert != null) upsert.close();
      if (delete != null) delete.close();
    }
  }
}
