#include "ike/ike.h"
