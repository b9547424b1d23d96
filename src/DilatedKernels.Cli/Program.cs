Console.WriteLine("dilated");
return 0;
