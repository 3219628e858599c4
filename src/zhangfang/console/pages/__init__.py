"""The console's pages: each reads what it shows, says its sentence, and draws its template."""
