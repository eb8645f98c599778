// SwiftPM renames the entry point of an executable; ENTRY is what it made of it.
int ENTRY(int count, char **arguments);

int main(int count, char **arguments) { return ENTRY(count, arguments); }
