// JSON as text, which plugins share: see the public header.
#pragma once

#include "atelier/json.h"
