// The one compiled copy of toml++ (see dep_toml).
#define TOML_IMPLEMENTATION
#include <toml++/toml.h>
