// A shared library that is no plugin.
extern "C" __attribute__((visibility("default"))) int atelier_plugin_create() {
  return 0;
}
