// A record without the function behind it.
#include <atelier/plugin.h>

ATELIER_PLUGIN_RECORD("no-function", "No function", "Only says that it is a plugin", "1", "note")
