#include "l2tp/l2tp.h"
