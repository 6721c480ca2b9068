import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/** pgjdbc: see ../README.md. */
public class Client {
  static final String QUERY = "select case when pg_is_in_recovery() then 'standby' else 'primary' end";
  static final int TRIES = 4;
  static final Map<String, Connection> connections = new HashMap<>();

  interface Question {
    String ask() throws SQLException;
  }

  static String ask(Connection connection) throws SQLException {
    try (var statement = connection.createStatement(); var rows = statement.executeQuery(QUERY)) {
      rows.next();
      return rows.getString(1);
    }
  }

  static String kept(String name, String url) throws SQLException {
    var connection = connections.get(name);
    if (connection == null || !connection.isValid(5)) {
      connection = DriverManager.getConnection(url);
      connections.put(name, connection);
    }
    return ask(connection);
  }

  static String fresh(String url) throws SQLException {
    try (var connection = DriverManager.getConnection(url)) {
      return ask(connection);
    }
  }

  static String answer(Question question) {
    var said = "";
    for (var i = 0; i < TRIES; i++) {
      try {
        return question.ask();
      } catch (SQLException error) {
        said = String.valueOf(error.getMessage()).replaceAll("[\n\t]", " ");
      }
    }
    return said;
  }

  public static void main(String[] arguments) throws Exception {
    var urls = new LinkedHashMap<String, String>();
    var in = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = in.readLine()) != null; ) {
      if (!line.isEmpty()) {
        var parts = line.split("\t", 2);
        urls.put(parts[0], parts[1]);
        continue;
      }
      urls.forEach((name, url) ->
          System.out.println(String.join("\t", "pgjdbc", name, answer(() -> kept(name, url)), answer(() -> fresh(url)))));
      System.out.println();
    }
  }
}
