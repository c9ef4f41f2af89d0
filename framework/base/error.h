// The error type, which plugins share: see the public header.
#pragma once

#include "atelier/error.h"
